/** Everything the pages are made of. Importing it registers the elements. */

export { AntiphonText } from "./components/text";
