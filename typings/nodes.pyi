NODE_CLASS_MAPPINGS: dict[str, type[object]]
