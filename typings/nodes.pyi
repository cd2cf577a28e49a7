NODE_CLASS_MAPPINGS: dict[str, type[object]]
LOADED_MODULE_DIRS: dict[str, str]
EXTENSION_WEB_DIRS: dict[str, str]
