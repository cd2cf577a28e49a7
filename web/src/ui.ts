/** The page of `antiphon ui`. */

import "./components";
import "./components/app";
import { languageOf, setLanguage } from "./i18n";

setLanguage(languageOf(localStorage.getItem("antiphon.language") ?? navigator.language));
