import type { Words } from "../i18n";

export const zh: Words = {
  show_all: "显示全部（还有 {n} 个字符）",
  unreachable: "服务器没有响应，请确认它仍在运行。",
};
