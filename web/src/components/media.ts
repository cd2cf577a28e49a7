import { css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { MediaInfo } from "../api";
import { number, t } from "../i18n";
import { line } from "../visible";
import { AntiphonElement } from "./base";

/** A picture, sound or film of a recording; of anything else, and of what cannot be shown, its name. */
@customElement("antiphon-media")
export class AntiphonMedia extends AntiphonElement {
  static override styles = [
    AntiphonElement.styles,
    css`
      img,
      video {
        display: block;
        max-width: 100%;
        max-height: 420px;
        border-radius: 6px;
        border: 1px solid var(--a-line);
      }

      audio {
        width: 100%;
      }
    `,
  ];

  /** The key of the recording it is in. */
  @property({ attribute: false }) recording = "";
  @property({ attribute: false }) medium: MediaInfo = {};
  @state() private broken = false;

  private readonly failedToShow = () => {
    this.broken = true;
  };

  override render() {
    const kind = this.medium.media_type?.split("/")[0] ?? this.medium.kind;
    const name = this.name(kind);
    const source = this.source;
    if (!source || this.broken) return html`<p class="quiet foreign">${name}</p>`;
    if (kind === "image")
      return html`<img src=${source} alt=${name} loading="lazy" @error=${this.failedToShow} />`;
    if (kind === "audio")
      return html`<audio src=${source} aria-label=${name} controls preload="none" @error=${this.failedToShow}></audio>`;
    if (kind === "video")
      return html`<video src=${source} aria-label=${name} controls preload="none" @error=${this.failedToShow}></video>`;
    return html`<p class="quiet foreign">${name}</p>`;
  }

  /** The bytes in the answer itself, or where the server has them. Never another site's address. */
  private get source(): string {
    const { sha256, url, size } = this.medium;
    if (url && /^data:(image\/(png|jpeg|gif|webp|bmp|avif)|audio\/|video\/)/.test(url)) return url;
    return sha256 && size !== null && this.recording ? this.api.media(this.recording, sha256) : "";
  }

  private name(kind: string | undefined): string {
    const words = { image: t("image"), audio: t("audio"), video: t("video") }[kind ?? ""] ?? t("document");
    const size = this.medium.size ? `${number(Math.ceil(this.medium.size / 1024))} KB` : "";
    return [words, line(this.medium.name ?? address(this.medium.url)), this.medium.media_type ?? "", size]
      .filter(Boolean)
      .join(" · ");
  }
}

/** An address in short; the bytes of a data URL are nothing to read. */
function address(url: string | null | undefined): string {
  return !url || url.startsWith("data:") ? "" : url.slice(0, 200);
}
