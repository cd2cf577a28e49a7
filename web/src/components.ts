/** Everything the pages are made of. Importing it registers the elements. */

export { AntiphonAnswer } from "./components/answer";
export { AntiphonElement, words } from "./components/base";
export { AntiphonCompare } from "./components/compare";
export { AntiphonConfirm } from "./components/confirm";
export { AntiphonCopy } from "./components/copy";
export { AntiphonCredentials } from "./components/credentials";
export { AntiphonEntry } from "./components/entry";
export { AntiphonHistory } from "./components/history";
export { AntiphonMedia } from "./components/media";
export { AntiphonModels } from "./components/models";
export { AntiphonPair } from "./components/pair";
export { AntiphonPlayground } from "./components/playground";
export { AntiphonText } from "./components/text";
export { AntiphonTotals } from "./components/totals";
