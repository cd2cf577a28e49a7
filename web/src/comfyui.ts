/** The extension of ComfyUI's page. */

import "./components";
