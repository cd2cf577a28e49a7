/** The words of what is in the nodes and in ComfyUI's menus. The pages bring their own. */

import { language } from "../i18n";

const EN = {
  answer: "Answer",
  answerN: "Answer {n}",
  asking: "Asking…",
  growing: "Answering…",
  interrupted: "Interrupted. What had come until then:",
  reasoning: "Reasoning ({n} characters)",
  copy: "Copy",
  copied: "Copied",
  notCopied: "The browser does not allow copying here: select the text instead.",
  tokens: "{in} + {out} tokens",
  seconds: "{n} s",
  seedSent: "seed {n}: sent",
  seedUnsupported: "seed {n}: not taken by this model",
  seedOther: "seed {n}",
  replayed: "replayed, nothing paid",
  ended: "ended by: {reason}",
  cut: "Only the beginning is kept after a reload. The whole text is in the history, and comes back when the graph runs.",
  hidden: "{n} earlier parts are not shown. Copy takes all.",
  keyFound: "This looks like a key. It is saved in the workflow as it stands here.",
  keyMove: "Move this key to the key file",
  keyMoving: "Moving…",
  keyMoved: "The key of {node} is now in the key file. The widget holds only its name: {reference}",
  keyFailed: "The key could not be moved: {error}",
  choose: "Choose a model…",
  models: "Models",
  model: "Model",
  provider: "Provider",
  useModel: "Use this model",
  credentials: "Keys",
  credentialsOpen: "Manage keys…",
  credentialsHint:
    "Keys are kept on the server, each for its own host, and are never sent back to this page.",
  history: "History of answers",
  historyCommand: "Show the history of answers",
  close: "Close",
  textUsed: "The text is now in {node}.",
  textCopied: "No text field was selected: the text is in the clipboard.",
  textNode: "The text is in a new node.",
  workflowOpened: "The workflow that made it is open.",
  failed: "That did not work: {error}",
} as const;

type Key = keyof typeof EN;

const ZH: Record<Key, string> = {
  answer: "回答",
  answerN: "回答 {n}",
  asking: "正在提问…",
  growing: "正在回答…",
  interrupted: "已中断。此前收到的内容：",
  reasoning: "推理（{n} 字符）",
  copy: "复制",
  copied: "已复制",
  notCopied: "浏览器不允许在此复制：请选中文本。",
  tokens: "{in} + {out} 词元",
  seconds: "{n} 秒",
  seedSent: "种子 {n}：已发送",
  seedUnsupported: "种子 {n}：此模型不接受",
  seedOther: "种子 {n}",
  replayed: "重放，未付费",
  ended: "结束原因：{reason}",
  cut: "重新加载后只保留开头。全文在历史记录中，再次运行时会恢复。",
  hidden: "前面 {n} 段未显示。复制会包含全部。",
  keyFound: "这看起来是一个密钥。它会原样保存在工作流中。",
  keyMove: "将此密钥移到密钥文件",
  keyMoving: "正在移动…",
  keyMoved: "{node} 的密钥已移到密钥文件。控件中只保留其名称：{reference}",
  keyFailed: "无法移动密钥：{error}",
  choose: "选择模型…",
  models: "模型",
  model: "模型",
  provider: "服务商",
  useModel: "使用此模型",
  credentials: "密钥",
  credentialsOpen: "管理密钥…",
  credentialsHint: "密钥保存在服务器上，各自只发往自己的主机，绝不会发回此页面。",
  history: "回答历史",
  historyCommand: "显示回答历史",
  close: "关闭",
  textUsed: "文本已写入 {node}。",
  textCopied: "未选中文本框：文本已复制到剪贴板。",
  textNode: "文本已放入新节点。",
  workflowOpened: "已打开生成它的工作流。",
  failed: "操作失败：{error}",
};

export function word(key: Key, values: Record<string, string | number> = {}): string {
  const text: string = language() === "zh" ? ZH[key] : EN[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? value.toLocaleString(language()) : value;
  });
}
