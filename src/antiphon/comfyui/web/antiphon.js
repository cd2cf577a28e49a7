// src/comfyui/app.ts
var page = globalThis;
/** ComfyUI's app, or nothing where this script runs somewhere else. */
function app() {
	return page.comfyAPI?.app?.app ?? page.app;
}
function messages() {
	return page.comfyAPI?.api?.api ?? app()?.api;
}
/** Runs one part of the pack. Whatever goes wrong in it is said in the console, and stops nothing else. */
function guarded(what, work) {
	try {
		const result = work();
		if (result instanceof Promise) result.catch((error) => console.warn(`antiphon: ${what}:`, error));
		return result;
	} catch (error) {
		console.warn(`antiphon: ${what}:`, error);
		return;
	}
}
/** The way to our server in ComfyUI's page. */
var host = {
	fetch: (path, init) => messages()?.fetchApi(path, init) ?? fetch(`/api${path}`, init),
	url: (path) => messages()?.apiURL?.(path) ?? `/api${path}`
};
/** The class of a node, as ComfyUI calls it. */
function kind(node) {
	return node.comfyClass ?? node.constructor?.comfyClass ?? node.constructor?.nodeData?.name ?? node.type ?? "";
}
function root() {
	return app()?.rootGraph ?? app()?.graph;
}
var NO_ID = "00000000-0000-0000-0000-000000000000";
/** What the workflow that is open is known by: its id, or its place in the list where it has none. */
function workflow() {
	const id = root()?.id ?? NO_ID;
	return id === NO_ID ? app()?.extensionManager?.workflow?.activeWorkflow?.path ?? "" : id;
}
function nodesOf(graph) {
	return graph?.nodes ?? graph?._nodes ?? [];
}
/** Every node of the workflow, with those inside of subgraphs. */
function everyNode() {
	const inside = [...root()?.subgraphs?.values() ?? []].flatMap(nodesOf);
	return [...nodesOf(root()), ...inside];
}
/** The node that an id of the server's means: `5`, or `5:3` for one inside of a subgraph. */
function nodeAt(path) {
	let graph = root();
	let found;
	for (const id of path.split(":")) {
		found = byId(graph, id);
		graph = found?.subgraph;
	}
	return found;
}
function byId(graph, id) {
	return nodesOf(graph).find((node) => String(node.id) === id);
}
function widgetOf(node, name) {
	return node.widgets?.find((widget) => widget.name === name);
}
/** What stands in a node's text widgets: the same node of another workflow asks something else. */
function words$2(node) {
	const theirs = (node.widgets ?? []).filter(({ name }) => !name.startsWith("antiphon"));
	return JSON.stringify(theirs.map(({ value }) => value).filter((value) => typeof value === "string"));
}
/** Writes into a widget as the user would. */
function write(node, widget, value) {
	widget.value = value;
	widget.callback?.(value);
	node.setDirtyCanvas?.(true, true);
}
/** Has the page keep the workflow as it is now: its draft would come back with what was there before. */
function noticed() {
	guarded("the draft", () => app()?.extensionManager?.workflow?.activeWorkflow?.changeTracker?.checkState?.());
}
/** Whether nodes are drawn by Vue ("Nodes 2.0"). Some versions of it do not see widgets that are added later. */
function drawnByVue() {
	return page.LiteGraph?.vueNodesMode === true || setting("Comfy.VueNodes.Enabled") === true;
}
/** Adds an element to a node, of no height while it is hidden. It is in no saved graph and in no prompt. */
function addElement(node, name, element, height) {
	if (typeof node.addDOMWidget !== "function") return void 0;
	const high = () => element.hidden ? 0 : height;
	const options = {
		serialize: false,
		hideOnZoom: false,
		getValue: () => "",
		setValue: () => void 0,
		getMinHeight: high,
		getMaxHeight: () => element.hidden ? 0 : void 0,
		margin: 6
	};
	const widget = node.addDOMWidget(name, name, element, options);
	widget.serialize = false;
	return widget;
}
/** Makes a node as large as its widgets need, and by `more` higher than it is; never smaller. */
function grow(node, more = 0) {
	const needed = node.computeSize?.();
	if (needed === void 0) return;
	const size = [Math.max(node.size[0], needed[0]), Math.max(node.size[1] + more, needed[1])];
	if (size[0] !== node.size[0] || size[1] !== node.size[1]) node.setSize?.(size);
	node.setDirtyCanvas?.(true, true);
}
/** Takes back what a node was made higher by, as far as its widgets let it. */
function shrink(node, less) {
	const needed = node.computeSize?.();
	if (needed !== void 0) node.setSize?.([node.size[0], Math.max(node.size[1] - less, needed[1])]);
}
/** Says something in a corner of the page for a while. */
function say(severity, text) {
	if (app()?.extensionManager?.toast?.add === void 0) return;
	guarded("a message", () => app()?.extensionManager?.toast?.add?.({
		severity,
		summary: "Antiphon",
		detail: text,
		life: 6e3
	}));
}
function setting(id) {
	return guarded("a setting", () => app()?.ui?.settings?.getSettingValue?.(id));
}
function create(type) {
	return page.LiteGraph?.createNode?.(type) ?? null;
}
// src/comfyui/hello.ts
var HEADERS$1 = {
	"Content-Type": "application/json",
	"X-Antiphon": "1"
};
/** Says that this page shows answers itself, and what it needs to know. Nothing where our server is not there. */
async function hello() {
	try {
		const reply = await host.fetch("/antiphon/comfyui/page", {
			method: "POST",
			headers: HEADERS$1,
			body: JSON.stringify({ client: messages()?.clientId ?? "" })
		});
		return reply.ok ? await reply.json() : void 0;
	} catch {
		return;
	}
}
/** Moves the key in these widgets to the key file; what stands in the first of them now. */
async function move(kind, inputs) {
	const reply = await host.fetch("/antiphon/comfyui/move", {
		method: "POST",
		headers: HEADERS$1,
		body: JSON.stringify({
			kind,
			inputs
		})
	});
	const told = await reply.json();
	if (!reply.ok || !told.reference) {
		const error = new Error([told.error?.message ?? reply.statusText, told.error?.hint].filter(Boolean).join("\n"));
		error.name = String(reply.status);
		throw error;
	}
	return told.reference;
}
// node_modules/@lit/reactive-element/css-tag.js
/**
* @license
* Copyright 2019 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$5 = globalThis;
var e$7 = t$5.ShadowRoot && (void 0 === t$5.ShadyCSS || t$5.ShadyCSS.nativeShadow) && "adoptedStyleSheets" in Document.prototype && "replace" in CSSStyleSheet.prototype;
var s$3 = Symbol();
var o$4 = /* @__PURE__ */ new WeakMap();
var n$4 = class {
	constructor(t, e, o) {
		if (this._$cssResult$ = !0, o !== s$3) throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");
		this.cssText = t, this.t = e;
	}
	get styleSheet() {
		let t = this.o;
		const s = this.t;
		if (e$7 && void 0 === t) {
			const e = void 0 !== s && 1 === s.length;
			e && (t = o$4.get(s)), void 0 === t && ((this.o = t = new CSSStyleSheet()).replaceSync(this.cssText), e && o$4.set(s, t));
		}
		return t;
	}
	toString() {
		return this.cssText;
	}
};
var r$6 = (t) => new n$4("string" == typeof t ? t : t + "", void 0, s$3);
var i$5 = (t, ...e) => {
	return new n$4(1 === t.length ? t[0] : e.reduce((e, s, o) => e + ((t) => {
		if (!0 === t._$cssResult$) return t.cssText;
		if ("number" == typeof t) return t;
		throw Error("Value passed to 'css' function must be a 'css' function result: " + t + ". Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.");
	})(s) + t[o + 1], t[0]), t, s$3);
};
var S$1 = (s, o) => {
	if (e$7) s.adoptedStyleSheets = o.map((t) => t instanceof CSSStyleSheet ? t : t.styleSheet);
	else for (const e of o) {
		const o = document.createElement("style"), n = t$5.litNonce;
		void 0 !== n && o.setAttribute("nonce", n), o.textContent = e.cssText, s.appendChild(o);
	}
};
var c$4 = e$7 ? (t) => t : (t) => t instanceof CSSStyleSheet ? ((t) => {
	let e = "";
	for (const s of t.cssRules) e += s.cssText;
	return r$6(e);
})(t) : t;
// node_modules/@lit/reactive-element/reactive-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ var { is: i$4, defineProperty: e$6, getOwnPropertyDescriptor: h$2, getOwnPropertyNames: r$5, getOwnPropertySymbols: o$3, getPrototypeOf: n$3 } = Object, a$1 = globalThis, c$3 = a$1.trustedTypes, l$2 = c$3 ? c$3.emptyScript : "", p$2 = a$1.reactiveElementPolyfillSupport, d$2 = (t, s) => t, u$3 = {
	toAttribute(t, s) {
		switch (s) {
			case Boolean:
				t = t ? l$2 : null;
				break;
			case Object:
			case Array: t = null == t ? t : JSON.stringify(t);
		}
		return t;
	},
	fromAttribute(t, s) {
		let i = t;
		switch (s) {
			case Boolean:
				i = null !== t;
				break;
			case Number:
				i = null === t ? null : Number(t);
				break;
			case Object:
			case Array: try {
				i = JSON.parse(t);
			} catch (t) {
				i = null;
			}
		}
		return i;
	}
}, f$2 = (t, s) => !i$4(t, s), b$1 = {
	attribute: !0,
	type: String,
	converter: u$3,
	reflect: !1,
	useDefault: !1,
	hasChanged: f$2
};
Symbol.metadata ??= Symbol("metadata"), a$1.litPropertyMetadata ??= /* @__PURE__ */ new WeakMap();
var y$1 = class extends HTMLElement {
	static addInitializer(t) {
		this._$Ei(), (this.l ??= []).push(t);
	}
	static get observedAttributes() {
		return this.finalize(), this._$Eh && [...this._$Eh.keys()];
	}
	static createProperty(t, s = b$1) {
		if (s.state && (s.attribute = !1), this._$Ei(), this.prototype.hasOwnProperty(t) && ((s = Object.create(s)).wrapped = !0), this.elementProperties.set(t, s), !s.noAccessor) {
			const i = Symbol(), h = this.getPropertyDescriptor(t, i, s);
			void 0 !== h && e$6(this.prototype, t, h);
		}
	}
	static getPropertyDescriptor(t, s, i) {
		const { get: e, set: r } = h$2(this.prototype, t) ?? {
			get() {
				return this[s];
			},
			set(t) {
				this[s] = t;
			}
		};
		return {
			get: e,
			set(s) {
				const h = e?.call(this);
				r?.call(this, s), this.requestUpdate(t, h, i);
			},
			configurable: !0,
			enumerable: !0
		};
	}
	static getPropertyOptions(t) {
		return this.elementProperties.get(t) ?? b$1;
	}
	static _$Ei() {
		if (this.hasOwnProperty(d$2("elementProperties"))) return;
		const t = n$3(this);
		t.finalize(), void 0 !== t.l && (this.l = [...t.l]), this.elementProperties = new Map(t.elementProperties);
	}
	static finalize() {
		if (this.hasOwnProperty(d$2("finalized"))) return;
		if (this.finalized = !0, this._$Ei(), this.hasOwnProperty(d$2("properties"))) {
			const t = this.properties, s = [...r$5(t), ...o$3(t)];
			for (const i of s) this.createProperty(i, t[i]);
		}
		const t = this[Symbol.metadata];
		if (null !== t) {
			const s = litPropertyMetadata.get(t);
			if (void 0 !== s) for (const [t, i] of s) this.elementProperties.set(t, i);
		}
		this._$Eh = /* @__PURE__ */ new Map();
		for (const [t, s] of this.elementProperties) {
			const i = this._$Eu(t, s);
			void 0 !== i && this._$Eh.set(i, t);
		}
		this.elementStyles = this.finalizeStyles(this.styles);
	}
	static finalizeStyles(s) {
		const i = [];
		if (Array.isArray(s)) {
			const e = new Set(s.flat(1 / 0).reverse());
			for (const s of e) i.unshift(c$4(s));
		} else void 0 !== s && i.push(c$4(s));
		return i;
	}
	static _$Eu(t, s) {
		const i = s.attribute;
		return !1 === i ? void 0 : "string" == typeof i ? i : "string" == typeof t ? t.toLowerCase() : void 0;
	}
	constructor() {
		super(), this._$Ep = void 0, this.isUpdatePending = !1, this.hasUpdated = !1, this._$Em = null, this._$Ev();
	}
	_$Ev() {
		this._$ES = new Promise((t) => this.enableUpdating = t), this._$AL = /* @__PURE__ */ new Map(), this._$E_(), this.requestUpdate(), this.constructor.l?.forEach((t) => t(this));
	}
	addController(t) {
		(this._$EO ??= /* @__PURE__ */ new Set()).add(t), void 0 !== this.renderRoot && this.isConnected && t.hostConnected?.();
	}
	removeController(t) {
		this._$EO?.delete(t);
	}
	_$E_() {
		const t = /* @__PURE__ */ new Map(), s = this.constructor.elementProperties;
		for (const i of s.keys()) this.hasOwnProperty(i) && (t.set(i, this[i]), delete this[i]);
		t.size > 0 && (this._$Ep = t);
	}
	createRenderRoot() {
		const t = this.shadowRoot ?? this.attachShadow(this.constructor.shadowRootOptions);
		return S$1(t, this.constructor.elementStyles), t;
	}
	connectedCallback() {
		this.renderRoot ??= this.createRenderRoot(), this.enableUpdating(!0), this._$EO?.forEach((t) => t.hostConnected?.());
	}
	enableUpdating(t) {}
	disconnectedCallback() {
		this._$EO?.forEach((t) => t.hostDisconnected?.());
	}
	attributeChangedCallback(t, s, i) {
		this._$AK(t, i);
	}
	_$ET(t, s) {
		const i = this.constructor.elementProperties.get(t), e = this.constructor._$Eu(t, i);
		if (void 0 !== e && !0 === i.reflect) {
			const h = (void 0 !== i.converter?.toAttribute ? i.converter : u$3).toAttribute(s, i.type);
			this._$Em = t, null == h ? this.removeAttribute(e) : this.setAttribute(e, h), this._$Em = null;
		}
	}
	_$AK(t, s) {
		const i = this.constructor, e = i._$Eh.get(t);
		if (void 0 !== e && this._$Em !== e) {
			const t = i.getPropertyOptions(e), h = "function" == typeof t.converter ? { fromAttribute: t.converter } : void 0 !== t.converter?.fromAttribute ? t.converter : u$3;
			this._$Em = e;
			const r = h.fromAttribute(s, t.type);
			this[e] = r ?? this._$Ej?.get(e) ?? r, this._$Em = null;
		}
	}
	requestUpdate(t, s, i, e = !1, h) {
		if (void 0 !== t) {
			const r = this.constructor;
			if (!1 === e && (h = this[t]), i ??= r.getPropertyOptions(t), !((i.hasChanged ?? f$2)(h, s) || i.useDefault && i.reflect && h === this._$Ej?.get(t) && !this.hasAttribute(r._$Eu(t, i)))) return;
			this.C(t, s, i);
		}
		!1 === this.isUpdatePending && (this._$ES = this._$EP());
	}
	C(t, s, { useDefault: i, reflect: e, wrapped: h }, r) {
		i && !(this._$Ej ??= /* @__PURE__ */ new Map()).has(t) && (this._$Ej.set(t, r ?? s ?? this[t]), !0 !== h || void 0 !== r) || (this._$AL.has(t) || (this.hasUpdated || i || (s = void 0), this._$AL.set(t, s)), !0 === e && this._$Em !== t && (this._$Eq ??= /* @__PURE__ */ new Set()).add(t));
	}
	async _$EP() {
		this.isUpdatePending = !0;
		try {
			await this._$ES;
		} catch (t) {
			Promise.reject(t);
		}
		const t = this.scheduleUpdate();
		return null != t && await t, !this.isUpdatePending;
	}
	scheduleUpdate() {
		return this.performUpdate();
	}
	performUpdate() {
		if (!this.isUpdatePending) return;
		if (!this.hasUpdated) {
			if (this.renderRoot ??= this.createRenderRoot(), this._$Ep) {
				for (const [t, s] of this._$Ep) this[t] = s;
				this._$Ep = void 0;
			}
			const t = this.constructor.elementProperties;
			if (t.size > 0) for (const [s, i] of t) {
				const { wrapped: t } = i, e = this[s];
				!0 !== t || this._$AL.has(s) || void 0 === e || this.C(s, void 0, i, e);
			}
		}
		let t = !1;
		const s = this._$AL;
		try {
			t = this.shouldUpdate(s), t ? (this.willUpdate(s), this._$EO?.forEach((t) => t.hostUpdate?.()), this.update(s)) : this._$EM();
		} catch (s) {
			throw t = !1, this._$EM(), s;
		}
		t && this._$AE(s);
	}
	willUpdate(t) {}
	_$AE(t) {
		this._$EO?.forEach((t) => t.hostUpdated?.()), this.hasUpdated || (this.hasUpdated = !0, this.firstUpdated(t)), this.updated(t);
	}
	_$EM() {
		this._$AL = /* @__PURE__ */ new Map(), this.isUpdatePending = !1;
	}
	get updateComplete() {
		return this.getUpdateComplete();
	}
	getUpdateComplete() {
		return this._$ES;
	}
	shouldUpdate(t) {
		return !0;
	}
	update(t) {
		this._$Eq &&= this._$Eq.forEach((t) => this._$ET(t, this[t])), this._$EM();
	}
	updated(t) {}
	firstUpdated(t) {}
};
y$1.elementStyles = [], y$1.shadowRootOptions = { mode: "open" }, y$1[d$2("elementProperties")] = /* @__PURE__ */ new Map(), y$1[d$2("finalized")] = /* @__PURE__ */ new Map(), p$2?.({ ReactiveElement: y$1 }), (a$1.reactiveElementVersions ??= []).push("2.1.2");
// node_modules/lit-html/lit-html.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$4 = globalThis;
var i$3 = (t) => t;
var s$2 = t$4.trustedTypes;
var e$5 = s$2 ? s$2.createPolicy("lit-html", { createHTML: (t) => t }) : void 0;
var h$1 = "$lit$";
var o$2 = `lit$${Math.random().toFixed(9).slice(2)}$`;
var n$2 = "?" + o$2;
var r$4 = `<${n$2}>`;
var l$1 = document;
var c$2 = () => l$1.createComment("");
var a = (t) => null === t || "object" != typeof t && "function" != typeof t;
var u$2 = Array.isArray;
var d$1 = (t) => u$2(t) || "function" == typeof t?.[Symbol.iterator];
var f$1 = "[ 	\n\f\r]";
var v$1 = /<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g;
var _ = /-->/g;
var m$1 = />/g;
var p$1 = RegExp(`>|${f$1}(?:([^\\s"'>=/]+)(${f$1}*=${f$1}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`, "g");
var g = /'/g;
var $ = /"/g;
var y = /^(?:script|style|textarea|title)$/i;
var x = (t) => (i, ...s) => ({
	_$litType$: t,
	strings: i,
	values: s
});
var b = x(1);
var w = x(2);
var E = Symbol.for("lit-noChange");
var A = Symbol.for("lit-nothing");
var C = /* @__PURE__ */ new WeakMap();
var P = l$1.createTreeWalker(l$1, 129);
function V(t, i) {
	if (!u$2(t) || !t.hasOwnProperty("raw")) throw Error("invalid template strings array");
	return void 0 !== e$5 ? e$5.createHTML(i) : i;
}
var N = (t, i) => {
	const s = t.length - 1, e = [];
	let n, l = 2 === i ? "<svg>" : 3 === i ? "<math>" : "", c = v$1;
	for (let i = 0; i < s; i++) {
		const s = t[i];
		let a, u, d = -1, f = 0;
		for (; f < s.length && (c.lastIndex = f, u = c.exec(s), null !== u);) f = c.lastIndex, c === v$1 ? "!--" === u[1] ? c = _ : void 0 !== u[1] ? c = m$1 : void 0 !== u[2] ? (y.test(u[2]) && (n = RegExp("</" + u[2], "g")), c = p$1) : void 0 !== u[3] && (c = p$1) : c === p$1 ? ">" === u[0] ? (c = n ?? v$1, d = -1) : void 0 === u[1] ? d = -2 : (d = c.lastIndex - u[2].length, a = u[1], c = void 0 === u[3] ? p$1 : "\"" === u[3] ? $ : g) : c === $ || c === g ? c = p$1 : c === _ || c === m$1 ? c = v$1 : (c = p$1, n = void 0);
		const x = c === p$1 && t[i + 1].startsWith("/>") ? " " : "";
		l += c === v$1 ? s + r$4 : d >= 0 ? (e.push(a), s.slice(0, d) + h$1 + s.slice(d) + o$2 + x) : s + o$2 + (-2 === d ? i : x);
	}
	return [V(t, l + (t[s] || "<?>") + (2 === i ? "</svg>" : 3 === i ? "</math>" : "")), e];
};
var S = class S {
	constructor({ strings: t, _$litType$: i }, e) {
		let r;
		this.parts = [];
		let l = 0, a = 0;
		const u = t.length - 1, d = this.parts, [f, v] = N(t, i);
		if (this.el = S.createElement(f, e), P.currentNode = this.el.content, 2 === i || 3 === i) {
			const t = this.el.content.firstChild;
			t.replaceWith(...t.childNodes);
		}
		for (; null !== (r = P.nextNode()) && d.length < u;) {
			if (1 === r.nodeType) {
				if (r.hasAttributes()) for (const t of r.getAttributeNames()) if (t.endsWith(h$1)) {
					const i = v[a++], s = r.getAttribute(t).split(o$2), e = /([.?@])?(.*)/.exec(i);
					d.push({
						type: 1,
						index: l,
						name: e[2],
						strings: s,
						ctor: "." === e[1] ? I : "?" === e[1] ? L : "@" === e[1] ? z : H
					}), r.removeAttribute(t);
				} else t.startsWith(o$2) && (d.push({
					type: 6,
					index: l
				}), r.removeAttribute(t));
				if (y.test(r.tagName)) {
					const t = r.textContent.split(o$2), i = t.length - 1;
					if (i > 0) {
						r.textContent = s$2 ? s$2.emptyScript : "";
						for (let s = 0; s < i; s++) r.append(t[s], c$2()), P.nextNode(), d.push({
							type: 2,
							index: ++l
						});
						r.append(t[i], c$2());
					}
				}
			} else if (8 === r.nodeType) if (r.data === n$2) d.push({
				type: 2,
				index: l
			});
			else {
				let t = -1;
				for (; -1 !== (t = r.data.indexOf(o$2, t + 1));) d.push({
					type: 7,
					index: l
				}), t += o$2.length - 1;
			}
			l++;
		}
	}
	static createElement(t, i) {
		const s = l$1.createElement("template");
		return s.innerHTML = t, s;
	}
};
function M$1(t, i, s = t, e) {
	if (i === E) return i;
	let h = void 0 !== e ? s._$Co?.[e] : s._$Cl;
	const o = a(i) ? void 0 : i._$litDirective$;
	return h?.constructor !== o && (h?._$AO?.(!1), void 0 === o ? h = void 0 : (h = new o(t), h._$AT(t, s, e)), void 0 !== e ? (s._$Co ??= [])[e] = h : s._$Cl = h), void 0 !== h && (i = M$1(t, h._$AS(t, i.values), h, e)), i;
}
var R = class {
	constructor(t, i) {
		this._$AV = [], this._$AN = void 0, this._$AD = t, this._$AM = i;
	}
	get parentNode() {
		return this._$AM.parentNode;
	}
	get _$AU() {
		return this._$AM._$AU;
	}
	u(t) {
		const { el: { content: i }, parts: s } = this._$AD, e = (t?.creationScope ?? l$1).importNode(i, !0);
		P.currentNode = e;
		let h = P.nextNode(), o = 0, n = 0, r = s[0];
		for (; void 0 !== r;) {
			if (o === r.index) {
				let i;
				2 === r.type ? i = new k(h, h.nextSibling, this, t) : 1 === r.type ? i = new r.ctor(h, r.name, r.strings, this, t) : 6 === r.type && (i = new Z(h, this, t)), this._$AV.push(i), r = s[++n];
			}
			o !== r?.index && (h = P.nextNode(), o++);
		}
		return P.currentNode = l$1, e;
	}
	p(t) {
		let i = 0;
		for (const s of this._$AV) void 0 !== s && (void 0 !== s.strings ? (s._$AI(t, s, i), i += s.strings.length - 2) : s._$AI(t[i])), i++;
	}
};
var k = class k {
	get _$AU() {
		return this._$AM?._$AU ?? this._$Cv;
	}
	constructor(t, i, s, e) {
		this.type = 2, this._$AH = A, this._$AN = void 0, this._$AA = t, this._$AB = i, this._$AM = s, this.options = e, this._$Cv = e?.isConnected ?? !0;
	}
	get parentNode() {
		let t = this._$AA.parentNode;
		const i = this._$AM;
		return void 0 !== i && 11 === t?.nodeType && (t = i.parentNode), t;
	}
	get startNode() {
		return this._$AA;
	}
	get endNode() {
		return this._$AB;
	}
	_$AI(t, i = this) {
		t = M$1(this, t, i), a(t) ? t === A || null == t || "" === t ? (this._$AH !== A && this._$AR(), this._$AH = A) : t !== this._$AH && t !== E && this._(t) : void 0 !== t._$litType$ ? this.$(t) : void 0 !== t.nodeType ? this.T(t) : d$1(t) ? this.k(t) : this._(t);
	}
	O(t) {
		return this._$AA.parentNode.insertBefore(t, this._$AB);
	}
	T(t) {
		this._$AH !== t && (this._$AR(), this._$AH = this.O(t));
	}
	_(t) {
		this._$AH !== A && a(this._$AH) ? this._$AA.nextSibling.data = t : this.T(l$1.createTextNode(t)), this._$AH = t;
	}
	$(t) {
		const { values: i, _$litType$: s } = t, e = "number" == typeof s ? this._$AC(t) : (void 0 === s.el && (s.el = S.createElement(V(s.h, s.h[0]), this.options)), s);
		if (this._$AH?._$AD === e) this._$AH.p(i);
		else {
			const t = new R(e, this), s = t.u(this.options);
			t.p(i), this.T(s), this._$AH = t;
		}
	}
	_$AC(t) {
		let i = C.get(t.strings);
		return void 0 === i && C.set(t.strings, i = new S(t)), i;
	}
	k(t) {
		u$2(this._$AH) || (this._$AH = [], this._$AR());
		const i = this._$AH;
		let s, e = 0;
		for (const h of t) e === i.length ? i.push(s = new k(this.O(c$2()), this.O(c$2()), this, this.options)) : s = i[e], s._$AI(h), e++;
		e < i.length && (this._$AR(s && s._$AB.nextSibling, e), i.length = e);
	}
	_$AR(t = this._$AA.nextSibling, s) {
		for (this._$AP?.(!1, !0, s); t !== this._$AB;) {
			const s = i$3(t).nextSibling;
			i$3(t).remove(), t = s;
		}
	}
	setConnected(t) {
		void 0 === this._$AM && (this._$Cv = t, this._$AP?.(t));
	}
};
var H = class {
	get tagName() {
		return this.element.tagName;
	}
	get _$AU() {
		return this._$AM._$AU;
	}
	constructor(t, i, s, e, h) {
		this.type = 1, this._$AH = A, this._$AN = void 0, this.element = t, this.name = i, this._$AM = e, this.options = h, s.length > 2 || "" !== s[0] || "" !== s[1] ? (this._$AH = Array(s.length - 1).fill(/* @__PURE__ */ new String()), this.strings = s) : this._$AH = A;
	}
	_$AI(t, i = this, s, e) {
		const h = this.strings;
		let o = !1;
		if (void 0 === h) t = M$1(this, t, i, 0), o = !a(t) || t !== this._$AH && t !== E, o && (this._$AH = t);
		else {
			const e = t;
			let n, r;
			for (t = h[0], n = 0; n < h.length - 1; n++) r = M$1(this, e[s + n], i, n), r === E && (r = this._$AH[n]), o ||= !a(r) || r !== this._$AH[n], r === A ? t = A : t !== A && (t += (r ?? "") + h[n + 1]), this._$AH[n] = r;
		}
		o && !e && this.j(t);
	}
	j(t) {
		t === A ? this.element.removeAttribute(this.name) : this.element.setAttribute(this.name, t ?? "");
	}
};
var I = class extends H {
	constructor() {
		super(...arguments), this.type = 3;
	}
	j(t) {
		this.element[this.name] = t === A ? void 0 : t;
	}
};
var L = class extends H {
	constructor() {
		super(...arguments), this.type = 4;
	}
	j(t) {
		this.element.toggleAttribute(this.name, !!t && t !== A);
	}
};
var z = class extends H {
	constructor(t, i, s, e, h) {
		super(t, i, s, e, h), this.type = 5;
	}
	_$AI(t, i = this) {
		if ((t = M$1(this, t, i, 0) ?? A) === E) return;
		const s = this._$AH, e = t === A && s !== A || t.capture !== s.capture || t.once !== s.once || t.passive !== s.passive, h = t !== A && (s === A || e);
		e && this.element.removeEventListener(this.name, this, s), h && this.element.addEventListener(this.name, this, t), this._$AH = t;
	}
	handleEvent(t) {
		"function" == typeof this._$AH ? this._$AH.call(this.options?.host ?? this.element, t) : this._$AH.handleEvent(t);
	}
};
var Z = class {
	constructor(t, i, s) {
		this.element = t, this.type = 6, this._$AN = void 0, this._$AM = i, this.options = s;
	}
	get _$AU() {
		return this._$AM._$AU;
	}
	_$AI(t) {
		M$1(this, t);
	}
};
var j$1 = {
	M: h$1,
	P: o$2,
	A: n$2,
	C: 1,
	L: N,
	R,
	D: d$1,
	V: M$1,
	I: k,
	H,
	N: L,
	U: z,
	B: I,
	F: Z
};
var B = t$4.litHtmlPolyfillSupport;
B?.(S, k), (t$4.litHtmlVersions ??= []).push("3.3.3");
var D = (t, i, s) => {
	const e = s?.renderBefore ?? i;
	let h = e._$litPart$;
	if (void 0 === h) {
		const t = s?.renderBefore ?? null;
		e._$litPart$ = h = new k(i.insertBefore(c$2(), t), t, void 0, s ?? {});
	}
	return h._$AI(t), h;
};
// node_modules/lit-element/lit-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ var s$1 = globalThis;
var i$2 = class extends y$1 {
	constructor() {
		super(...arguments), this.renderOptions = { host: this }, this._$Do = void 0;
	}
	createRenderRoot() {
		const t = super.createRenderRoot();
		return this.renderOptions.renderBefore ??= t.firstChild, t;
	}
	update(t) {
		const r = this.render();
		this.hasUpdated || (this.renderOptions.isConnected = this.isConnected), super.update(t), this._$Do = D(r, this.renderRoot, this.renderOptions);
	}
	connectedCallback() {
		super.connectedCallback(), this._$Do?.setConnected(!0);
	}
	disconnectedCallback() {
		super.disconnectedCallback(), this._$Do?.setConnected(!1);
	}
	render() {
		return E;
	}
};
i$2._$litElement$ = !0, i$2["finalized"] = !0, s$1.litElementHydrateSupport?.({ LitElement: i$2 });
var o$1 = s$1.litElementPolyfillSupport;
o$1?.({ LitElement: i$2 });
(s$1.litElementVersions ??= []).push("4.2.2");
// node_modules/@lit/reactive-element/decorators/custom-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$3 = (t) => (e, o) => {
	void 0 !== o ? o.addInitializer(() => {
		customElements.define(t, e);
	}) : customElements.define(t, e);
};
// node_modules/@lit/reactive-element/decorators/property.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ var o = {
	attribute: !0,
	type: String,
	converter: u$3,
	reflect: !1,
	hasChanged: f$2
};
var r$3 = (t = o, e, r) => {
	const { kind: n, metadata: i } = r;
	let s = globalThis.litPropertyMetadata.get(i);
	if (void 0 === s && globalThis.litPropertyMetadata.set(i, s = /* @__PURE__ */ new Map()), "setter" === n && ((t = Object.create(t)).wrapped = !0), s.set(r.name, t), "accessor" === n) {
		const { name: o } = r;
		return {
			set(r) {
				const n = e.get.call(this);
				e.set.call(this, r), this.requestUpdate(o, n, t, !0, r);
			},
			init(e) {
				return void 0 !== e && this.C(o, void 0, t, e), e;
			}
		};
	}
	if ("setter" === n) {
		const { name: o } = r;
		return function(r) {
			const n = this[o];
			e.call(this, r), this.requestUpdate(o, n, t, !0, r);
		};
	}
	throw Error("Unsupported decorator location: " + n);
};
function n$1(t) {
	return (e, o) => "object" == typeof o ? r$3(t, e, o) : ((t, e, o) => {
		const r = e.hasOwnProperty(o);
		return e.constructor.createProperty(o, t), r ? Object.getOwnPropertyDescriptor(e, o) : void 0;
	})(t, e, o);
}
// node_modules/@lit/reactive-element/decorators/state.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ function r$2(r) {
	return n$1({
		...r,
		state: !0,
		attribute: !1
	});
}
// node_modules/@lit/reactive-element/decorators/base.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var e$4 = (e, t, c) => (c.configurable = !0, c.enumerable = !0, Reflect.decorate && "object" != typeof t && Object.defineProperty(e, t, c), c);
// node_modules/@lit/reactive-element/decorators/query.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ function e$3(e, r) {
	return (n, s, i) => {
		const o = (t) => t.renderRoot?.querySelector(e) ?? null;
		if (r) {
			const { get: e, set: r } = "object" == typeof s ? n : i ?? (() => {
				const t = Symbol();
				return {
					get() {
						return this[t];
					},
					set(e) {
						this[t] = e;
					}
				};
			})();
			return e$4(n, s, { get() {
				let t = e.call(this);
				return void 0 === t && (t = o(this), (null !== t || this.hasUpdated) && r.call(this, t)), t;
			} });
		}
		return e$4(n, s, { get() {
			return o(this);
		} });
	};
}
// node_modules/@lit/reactive-element/decorators/query-all.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var e$2;
function r$1(r) {
	return (n, o) => e$4(n, o, { get() {
		return (this.renderRoot ?? (e$2 ??= document.createDocumentFragment())).querySelectorAll(r);
	} });
}
// src/i18n.ts
var TABLES = {
	en: {
		loading: "Loading …",
		try_again: "Try again",
		cancel: "Cancel",
		stop: "Stop",
		stop_name: "Stop {name}",
		back: "Back",
		copy: "Copy",
		copied: "Copied",
		copy_failed: "Could not copy",
		show_all: "Show all ({n} more characters)",
		unreachable: "The server does not answer. Is it still running?",
		language: "Language",
		pages: "Pages",
		skip: "Skip to the content",
		provider: "Provider",
		model: "Model",
		seed: "Seed",
		prompt: "Prompt",
		settings: "Settings",
		image: "Image",
		audio: "Sound",
		video: "Video",
		document: "Document",
		pair_title: "Pair this browser",
		pair_why: "Anyone who reaches this server could open this page. The code in the server's log or terminal shows that you may.",
		pair_code: "Code",
		pair_do: "Pair",
		answer: "Answer",
		answers: "Answers",
		reasoning: "Reasoning",
		notes: "Notes",
		waiting: "waiting",
		writing: "writing",
		answer_coming: "the answer is coming",
		answer_done: "the answer is complete",
		answer_stopped: "stopped",
		cut_off: "The answer broke off before its end.",
		tokens_in_out: "{input} + {output} tokens",
		tokens_out: "{n} token | {n} tokens",
		seconds: "{n} s",
		seed_is: "Seed {seed}",
		seed_sent: "seed {seed} sent",
		seed_unsupported: "seed {seed} not taken by this model",
		seed_replayed: "seed {seed} replayed",
		seed_none: "without a seed",
		ended_length: "cut off at the token limit",
		ended_filter: "stopped by a content filter",
		ended_refusal: "refused",
		ended_error: "ended in an error",
		history: "History",
		details: "Details",
		search: "Search prompts and answers",
		filters: "Filters",
		all: "All",
		when: "When",
		since_any: "Any time",
		since_day: "Last 24 hours",
		since_week: "Last 7 days",
		since_month: "Last 30 days",
		pinned_only: "Pinned only",
		found: "{n} recording | {n} recordings",
		found_at_least: "{n} recordings or more",
		found_none: "No recordings. Every answer to a request with a seed is kept here.",
		indexing: "Reading recordings: {done} of {total}",
		more: "More",
		refresh: "Refresh",
		select: "Select: {name}",
		selected: "{n} selected",
		clear: "Clear",
		compare: "Compare",
		compare_two: "Select two to compare them",
		export: "Export",
		exported: "{n} exported",
		delete: "Delete",
		deleted: "{n} deleted",
		delete_title: "Delete this recording? | Delete {n} recordings?",
		delete_lost: "Their answers are gone for good. The same request with the same seed then asks the provider again: it costs again, and may answer otherwise. Export them first if you may want them back.",
		delete_cost: "They cost {cost}.",
		delete_pinned: "Some of them are pinned.",
		delete_workflow: "The workflows kept with them go too.",
		pin: "Pin",
		pinned: "Pinned",
		pin_name: "Pin: {name}",
		with_media: "{n} media",
		replayed_times: "replayed {n} ×",
		replayed_last: "last {when}",
		never_replayed: "never replayed",
		recorded: "Recorded",
		recorded_at: "Recorded {when}",
		choose_one: "Choose a recording to see all of it, or select two to compare them.",
		actions: "Actions",
		use_text: "Use this text",
		open_workflow: "Open its workflow",
		rerun: "Run again with seed {seed}",
		messages: "Messages",
		role_system: "System prompt",
		role_user: "User",
		role_assistant: "Assistant",
		no_settings: "No settings: the provider's defaults.",
		usage: "Usage as counted by the provider",
		technical: "Technical details",
		sent: "Sent",
		comparison: "Comparison",
		prompts: "Prompts",
		left: "Left",
		right: "Right",
		what: "What",
		same: "The same on both sides.",
		differs: "differs",
		only_left: "only on the left",
		only_right: "only on the right",
		too_different: "Too long or too different to mark what differs.",
		totals: "Totals",
		measure: "What is counted",
		measure_completions: "Completions",
		measure_tokens: "Tokens",
		measure_cost: "Cost",
		span: "Time span",
		last_days: "{n} days",
		sum_completions: "{n} completion | {n} completions",
		sum_tokens: "{n} tokens",
		sum_cost: "{n}",
		sum_replayed: "and {n} replay, which cost nothing | and {n} replays, which cost nothing",
		unpriced: "(without {n} completion whose price is not known) | (without {n} completions whose price is not known)",
		chart_label: "{what} of the last {n} days: {sum} in all, at most {most} on one day. The table below has every day.",
		as_table: "As a table",
		by_day: "Totals by day",
		by_model: "Totals by model",
		day: "Day",
		replayed: "Replayed",
		models: "Models",
		model_any: "Any name",
		refresh_models: "Ask for list",
		models_found: "{n} model | {n} models",
		models_none: "No model of this name is known; it can be used all the same",
		models_hidden: "({n} more: type to narrow)",
		models_known: "known without asking",
		models_listed: "as of {when}",
		context: "{n} tokens context",
		price: "{input} in, {output} out per million tokens",
		last_day: "until {day}",
		credentials: "Credentials",
		credentials_about: "Keys by name. Each goes to its hosts only; no value ever comes back to this page.",
		no_credentials: "No credentials are stored.",
		credential: "Credential",
		credential_auto: "The one for this provider",
		key_add: "Add a credential",
		key_name: "Name",
		key_own_host: "Another host",
		key_hosts: "Hosts",
		key_value: "Key",
		key_goes: "It will be sent to {hosts} only.",
		key_save: "Save",
		key_added: "{name} is stored",
		key_removed: "{name} is removed",
		key_remove_title: "Remove {name}?",
		key_remove_lost: "The key for {hosts} is deleted here. Whoever issued it still takes it: withdraw it there if it leaked.",
		remove: "Remove",
		remove_name: "Remove {name}",
		test: "Test",
		test_name: "Test {name}",
		test_at: "Where to test {name}",
		testing: "Testing …",
		test_good: "It works",
		test_bad: "It does not work",
		playground: "Playground",
		playground_empty: "Answers appear here, one column for each seed.",
		ask: "Ask",
		ask_keys: "Ctrl+Enter",
		asking: "Asking for one answer | Asking for {n} answers",
		all_done: "All answers are here",
		first_seed: "First seed",
		seeds: "Seeds",
		setting_temperature: "Temperature",
		setting_max_tokens: "Most tokens",
		setting_top_p: "Top p",
		reasoning_off: "off",
		reasoning_low: "low",
		reasoning_medium: "medium",
		reasoning_high: "high",
		address: "Address",
		base_url: "Address, if not the provider's own",
		store: "Recordings",
		replay_auto: "Replay what is recorded",
		replay_refresh: "Ask anew and record",
		replay_only: "Replay only, never ask",
		replay_off: "Neither replay nor record",
		more_settings: "More settings, as JSON",
		bad_json: "“More settings” must be a JSON object: {why}"
	},
	zh: {
		loading: "加载中…",
		try_again: "重试",
		cancel: "取消",
		stop: "停止",
		stop_name: "停止{name}",
		back: "返回",
		copy: "复制",
		copied: "已复制",
		copy_failed: "复制失败",
		show_all: "显示全部（还有 {n} 个字符）",
		unreachable: "服务器没有响应，请确认它仍在运行。",
		language: "语言",
		pages: "页面",
		skip: "跳到正文",
		provider: "服务商",
		model: "模型",
		seed: "种子",
		prompt: "提示词",
		settings: "参数",
		image: "图片",
		audio: "音频",
		video: "视频",
		document: "文档",
		pair_title: "配对此浏览器",
		pair_why: "能连上这台服务器的人都能打开此页面。请输入服务器日志或终端中显示的配对码，以确认是您本人。",
		pair_code: "配对码",
		pair_do: "配对",
		answer: "回答",
		answers: "回答",
		reasoning: "推理过程",
		notes: "说明",
		waiting: "等待中",
		writing: "生成中",
		answer_coming: "正在生成回答",
		answer_done: "回答已完成",
		answer_stopped: "已停止",
		cut_off: "回答中途断开，未能完成。",
		tokens_in_out: "{input} + {output} 个 token",
		tokens_out: "{n} 个 token",
		seconds: "{n} 秒",
		seed_is: "种子 {seed}",
		seed_sent: "种子 {seed} 已发送",
		seed_unsupported: "此模型不接受种子（{seed}）",
		seed_replayed: "种子 {seed}，来自存档",
		seed_none: "未设种子",
		ended_length: "达到 token 上限而截断",
		ended_filter: "被内容过滤中止",
		ended_refusal: "模型拒绝回答",
		ended_error: "因错误而结束",
		history: "历史记录",
		details: "详细信息",
		search: "搜索提示词和回答",
		filters: "筛选",
		all: "全部",
		when: "时间",
		since_any: "不限",
		since_day: "最近 24 小时",
		since_week: "最近 7 天",
		since_month: "最近 30 天",
		pinned_only: "仅显示已置顶",
		found: "共 {n} 条记录",
		found_at_least: "至少 {n} 条记录",
		found_none: "没有记录。带种子的请求，其回答都会保存在这里。",
		indexing: "正在读取存档：{done} / {total}",
		more: "更多",
		refresh: "刷新",
		select: "选择：{name}",
		selected: "已选 {n} 条",
		clear: "取消选择",
		compare: "对比",
		compare_two: "选择两条记录才能对比",
		export: "导出",
		exported: "已导出 {n} 条",
		delete: "删除",
		deleted: "已删除 {n} 条",
		delete_title: "删除 {n} 条记录？",
		delete_lost: "这些回答将永久丢失。之后用相同的请求和种子，会重新向服务商提问：再次付费，结果也可能不同。如果以后可能用到，请先导出。",
		delete_cost: "它们共花费 {cost}。",
		delete_pinned: "其中有已置顶的记录。",
		delete_workflow: "随之保存的工作流也会一并删除。",
		pin: "置顶",
		pinned: "已置顶",
		pin_name: "置顶：{name}",
		with_media: "{n} 个媒体文件",
		replayed_times: "重放 {n} 次",
		replayed_last: "最近一次 {when}",
		never_replayed: "从未重放",
		recorded: "记录时间",
		recorded_at: "记录于 {when}",
		choose_one: "选择一条记录查看全部内容，或勾选两条进行对比。",
		actions: "操作",
		use_text: "使用此文本",
		open_workflow: "打开其工作流",
		rerun: "用种子 {seed} 再次运行",
		messages: "消息",
		role_system: "系统提示词",
		role_user: "用户",
		role_assistant: "助手",
		no_settings: "未设参数，使用服务商的默认值。",
		usage: "服务商统计的用量",
		technical: "技术信息",
		sent: "发送内容",
		comparison: "对比",
		prompts: "提示词",
		left: "左侧",
		right: "右侧",
		what: "项目",
		same: "两侧相同。",
		differs: "不同",
		only_left: "仅左侧有",
		only_right: "仅右侧有",
		too_different: "内容过长或差异过大，无法标出不同之处。",
		totals: "统计",
		measure: "统计项目",
		measure_completions: "次数",
		measure_tokens: "Token",
		measure_cost: "费用",
		span: "时间范围",
		last_days: "{n} 天",
		sum_completions: "共 {n} 次",
		sum_tokens: "共 {n} 个 token",
		sum_cost: "共 {n}",
		sum_replayed: "另有 {n} 次重放，不产生费用",
		unpriced: "（不含 {n} 次价格未知的回答）",
		chart_label: "最近 {n} 天的{what}：合计 {sum}，单日最高 {most}。下方表格列出每一天。",
		as_table: "以表格显示",
		by_day: "按天统计",
		by_model: "按模型统计",
		day: "日期",
		replayed: "重放",
		models: "模型",
		model_any: "可输入任意名称",
		refresh_models: "获取列表",
		models_found: "{n} 个模型",
		models_none: "没有匹配的已知模型，但仍可直接使用此名称",
		models_hidden: "（还有 {n} 个，继续输入以缩小范围）",
		models_known: "内置信息，未联网",
		models_listed: "更新于 {when}",
		context: "上下文 {n} token",
		price: "每百万 token：输入 {input}，输出 {output}",
		last_day: "可用至 {day}",
		credentials: "密钥",
		credentials_about: "密钥按名称保存，只会发送到各自的主机；密钥内容不会再回到此页面。",
		no_credentials: "尚未保存任何密钥。",
		credential: "密钥",
		credential_auto: "此服务商对应的密钥",
		key_add: "添加密钥",
		key_name: "名称",
		key_own_host: "其他主机",
		key_hosts: "主机",
		key_value: "密钥内容",
		key_goes: "只会发送到 {hosts}。",
		key_save: "保存",
		key_added: "已保存 {name}",
		key_removed: "已移除 {name}",
		key_remove_title: "移除 {name}？",
		key_remove_lost: "用于 {hosts} 的密钥将从本机删除，但在签发方那里仍然有效；如已泄露，请到签发方处撤销。",
		remove: "移除",
		remove_name: "移除 {name}",
		test: "测试",
		test_name: "测试 {name}",
		test_at: "在哪里测试 {name}",
		testing: "测试中…",
		test_good: "可以使用",
		test_bad: "无法使用",
		playground: "试验台",
		playground_empty: "回答会显示在这里，每个种子一列。",
		ask: "提问",
		ask_keys: "Ctrl+Enter",
		asking: "正在请求 {n} 个回答",
		all_done: "全部回答已完成",
		first_seed: "起始种子",
		seeds: "种子数量",
		setting_temperature: "温度",
		setting_max_tokens: "最多 token 数",
		setting_top_p: "Top p",
		reasoning_off: "关闭",
		reasoning_low: "低",
		reasoning_medium: "中",
		reasoning_high: "高",
		address: "地址",
		base_url: "地址（不使用服务商默认地址时）",
		store: "存档",
		replay_auto: "有存档则重放",
		replay_refresh: "重新提问并存档",
		replay_only: "仅重放，不提问",
		replay_off: "不重放也不存档",
		more_settings: "更多参数（JSON）",
		bad_json: "“更多参数”必须是 JSON 对象：{why}"
	}
};
var changed = new EventTarget();
var current$1 = "en";
/** The language for a tag like `zh-CN`; English for all others. */
function languageOf(tag) {
	return tag?.toLowerCase().startsWith("zh") ? "zh" : "en";
}
function language() {
	return current$1;
}
/** Switches every component on the page. */
function setLanguage(next) {
	if (next === current$1) return;
	current$1 = next;
	changed.dispatchEvent(new Event("change"));
}
/** The words of `key`, with `{name}` replaced by values. Where they are "one | many", `n` decides. */
function t$2(key, values = {}) {
	const [one = "", many = one] = TABLES[current$1][key].split(" | ");
	return (Number(values.n) === 1 ? one : many).replace(/\{(\w+)\}/g, (whole, name) => {
		const value = values[name];
		return value === void 0 ? whole : typeof value === "number" ? number(value) : value;
	});
}
/** Draws its host anew when the language changes. */
var Translated = class {
	constructor(host) {
		this.host = host;
		this.redraw = () => this.host.requestUpdate();
		host.addController(this);
	}
	hostConnected() {
		changed.addEventListener("change", this.redraw);
	}
	hostDisconnected() {
		changed.removeEventListener("change", this.redraw);
	}
};
/** The reader's own form of the language, for numbers and times: en-GB writes dates as en-US does not. */
function locale() {
	return navigator.languages.find((tag) => languageOf(tag) === current$1 && tag.startsWith(current$1)) ?? current$1;
}
function number(value) {
	return value.toLocaleString(locale());
}
/** US dollars, with as many digits as a small sum needs; an unknown cost is a dash, never zero. */
function money(value) {
	if (value === null || value === void 0) return "–";
	const digits = value === 0 || Math.abs(value) >= 1 ? 2 : Math.min(8, 2 - Math.floor(Math.log10(Math.abs(value))));
	return `$${value.toLocaleString(locale(), {
		minimumFractionDigits: 2,
		maximumFractionDigits: digits
	})}`;
}
/** Seconds since 1970 or an ISO time, as a date. */
function asDate(value) {
	return new Date(typeof value === "number" ? value * 1e3 : value);
}
function moment(value) {
	if (value === null || value === void 0) return "";
	const date = asDate(value);
	const format = {
		month: "short",
		day: "numeric",
		hour: "numeric",
		minute: "2-digit",
		...date.getFullYear() === (/* @__PURE__ */ new Date()).getFullYear() ? {} : { year: "numeric" }
	};
	return date.toLocaleString(locale(), format);
}
// src/theme.ts
/** Colours and shapes as CSS variables: ComfyUI's where its page sets them, else our own, light or dark.

`--antiphon-scheme: dark` (or `light`) on an ancestor decides where the host's theme is not the system's. The contrast of
our own pairs is AA (4.5 : 1 for words, 3 : 1 for edges of controls). */
var tokens$1 = i$5`
  :host {
    --a-bg: var(--comfy-menu-bg, light-dark(#ffffff, #1b1b1f));
    --a-fg: var(--fg-color, light-dark(#1c1c1e, #ececf0));
    --a-field: var(--comfy-input-bg, light-dark(#ffffff, #26262c));
    --a-field-fg: var(--input-text, var(--a-fg));
    --a-quiet: color-mix(in srgb, var(--a-fg) 76%, var(--a-bg));
    --a-line: color-mix(in srgb, var(--a-fg) 18%, var(--a-bg));
    --a-edge: color-mix(in srgb, var(--a-fg) 55%, var(--a-bg));
    --a-raised: color-mix(in srgb, var(--a-fg) 6%, var(--a-bg));
    --a-chosen: color-mix(in srgb, var(--a-accent) 16%, var(--a-bg));
    --a-accent: light-dark(#2453c4, #9db9ff);
    --a-on-accent: light-dark(#ffffff, #10131a);
    --a-bad: light-dark(#b3261e, #ff9d94);
    --a-good: light-dark(#14692f, #7fdc9b);
    --a-gone: light-dark(#ffd9d6, #6b2320);
    --a-come: light-dark(#cdf3d6, #1f5230);
    --a-mono: ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace;
    color-scheme: var(--antiphon-scheme, light dark);
    color: var(--a-fg);
    font: 14px/1.45 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  }
`;
/** What every component looks the same in. */
var basics = i$5`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  ul,
  ol {
    list-style: none;
  }

  h2 {
    font-size: 1.15rem;
    line-height: 1.3;
  }

  h3 {
    font-size: 0.95rem;
    line-height: 1.3;
  }

  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }

  input:not([type="checkbox"], [type="radio"]),
  select,
  textarea {
    width: 100%;
    min-width: 0;
    min-height: 34px;
    padding: 5px 8px;
    border: 1px solid var(--a-edge);
    border-radius: 6px;
    background: var(--a-field);
    color: var(--a-field-fg);
  }

  input[type="checkbox"] {
    width: 18px;
    height: 18px;
    margin: 0;
    accent-color: var(--a-accent);
  }

  ::placeholder {
    color: color-mix(in srgb, var(--a-field-fg) 72%, var(--a-field));
    opacity: 1;
  }

  textarea {
    resize: vertical;
    line-height: 1.45;
  }

  button {
    min-height: 32px;
    padding: 4px 12px;
    border: 1px solid var(--a-edge);
    border-radius: 6px;
    background: var(--a-raised);
    cursor: pointer;
  }

  button:hover:not(:disabled, [aria-disabled="true"]) {
    background: var(--a-chosen);
  }

  /* A button that is busy stays reachable: one that is disabled under the focus would lose it. */
  button:disabled,
  button[aria-disabled="true"] {
    cursor: default;
    opacity: 0.55;
  }

  button.first {
    border-color: var(--a-accent);
    background: var(--a-accent);
    color: var(--a-on-accent);
  }

  button.first:hover:not(:disabled, [aria-disabled="true"]) {
    background: color-mix(in srgb, var(--a-accent) 88%, var(--a-fg));
  }

  button.danger {
    border-color: var(--a-bad);
    color: var(--a-bad);
  }

  button.plain {
    border-color: transparent;
    background: transparent;
    padding: 4px 8px;
  }

  button[aria-pressed="true"] {
    background: var(--a-chosen);
    border-color: var(--a-accent);
  }

  :focus-visible {
    outline: 2px solid var(--a-accent);
    outline-offset: 2px;
  }

  label {
    display: grid;
    gap: 3px;
    font-size: 0.85rem;
    color: var(--a-quiet);
  }

  label.inline {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }

  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }

  .grow {
    flex: 1 1 12rem;
    min-width: 0;
  }

  .quiet {
    color: var(--a-quiet);
    font-size: 0.85rem;
  }

  .problem {
    padding: 8px 10px;
    border: 1px solid var(--a-bad);
    border-radius: 6px;
    color: var(--a-bad);
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }

  .foreign {
    unicode-bidi: isolate;
    overflow-wrap: anywhere;
  }

  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  summary {
    cursor: pointer;
    min-height: 24px;
    border-radius: 4px;
  }

  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 0.85rem;
  }

  th,
  td {
    padding: 3px 8px 3px 0;
    text-align: start;
    vertical-align: top;
    border-bottom: 1px solid var(--a-line);
    overflow-wrap: anywhere;
  }

  td.n,
  th.n {
    text-align: end;
    font-variant-numeric: tabular-nums;
    overflow-wrap: normal;
  }

  dialog {
    max-width: min(32rem, calc(100vw - 32px));
    padding: 16px;
    border: 1px solid var(--a-edge);
    border-radius: 8px;
    background: var(--a-bg);
    color: var(--a-fg);
  }

  dialog::backdrop {
    background: rgb(0 0 0 / 45%);
  }

  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
      animation: none !important;
      scroll-behavior: auto !important;
    }
  }
`;
// src/ndjson.ts
/** Lines of JSON from a stream of bytes, as they become whole. */
async function* lines(body) {
	const reader = body.getReader();
	const decoder = new TextDecoder();
	let pieces = [];
	try {
		for (;;) {
			const { done, value } = await reader.read();
			const parts = decoder.decode(value, { stream: !done }).split("\n");
			for (const [at, part] of parts.entries()) {
				pieces.push(part);
				if (at === parts.length - 1) break;
				yield* parsed(pieces);
				pieces = [];
			}
			if (done) break;
		}
		yield* parsed(pieces);
	} finally {
		await reader.cancel().catch(() => {});
	}
}
function* parsed(pieces) {
	const line = pieces.join("").trim();
	if (line) yield JSON.parse(line);
}
// src/api.ts
/** The server's routes below `/antiphon`, typed. Where they are is the host's business: see `Host`. */
/** The page's own server. */
var sameOrigin = {
	fetch: (path, init) => fetch(path, {
		credentials: "same-origin",
		...init
	}),
	url: (path) => path
};
/** What the server, or the way to it, said no with. `status` is 0 where there was no answer. */
var ApiError = class extends Error {
	constructor(problem, status = 0) {
		super(problem.message);
		this.status = status;
		this.name = "ApiError";
		this.hint = problem.hint ?? "";
		this.field = problem.field ?? "";
		this.kind = problem.kind ?? "";
	}
};
/** An own header makes a foreign page ask first (a preflight), and it is never answered. */
var HEADERS = {
	"X-Antiphon": "1",
	Accept: "application/json"
};
var Api = class {
	constructor(host = sameOrigin) {
		this.host = host;
	}
	state() {
		return this.get("state");
	}
	async pair(code) {
		await this.send("pair", { code });
	}
	history(query = {}, signal) {
		const { pinned, ...rest } = query;
		return this.get(`history${asked$1({
			...rest,
			pinned: pinned ? 1 : void 0
		})}`, signal);
	}
	entry(key, signal) {
		return this.get(`history/${encodeURIComponent(key)}`, signal);
	}
	media(key, sha256) {
		return this.host.url(`/antiphon/history/${encodeURIComponent(key)}/media/${encodeURIComponent(sha256)}`);
	}
	workflow(key) {
		return this.get(`history/${encodeURIComponent(key)}/workflow`);
	}
	async pin(key, pinned) {
		await this.send(`history/${encodeURIComponent(key)}/pin`, { pinned });
	}
	async remove(keys) {
		await this.send("history/delete", { keys });
	}
	async exported(keys) {
		const response = await this.send("history/export", { keys });
		const told = response.headers.get("content-disposition") ?? "";
		const name = /filename\*=UTF-8''([^;]+)/i.exec(told)?.[1] ?? /filename="?([^";]+)"?/i.exec(told)?.[1];
		return {
			blob: await response.blob(),
			name: decodeURIComponent(name ?? "recordings")
		};
	}
	totals(days = 30, signal) {
		return this.get(`totals${asked$1({ days })}`, signal);
	}
	models(query, signal) {
		return this.get(`models${asked$1({
			...query,
			refresh: query.refresh ? 1 : void 0
		})}`, signal);
	}
	credentials() {
		return this.get("credentials");
	}
	async addCredential(body) {
		await this.send("credentials", body);
	}
	async testCredential(body) {
		return (await this.send("credentials/test", body)).json();
	}
	async removeCredential(name) {
		await this.send("credentials/remove", { name });
	}
	/** Moves a key out of a widget; the answer is what to write there instead. */
	async keepCredential(body) {
		return (await this.send("credentials/keep", body)).json();
	}
	/** Asks for a completion: pieces as they come, at last the completion or an error. Abort to stop it. */
	async *complete(body, signal) {
		const response = await this.send("complete", body, signal);
		if (response.body === null) throw new ApiError({ message: "no answer body" }, response.status);
		for await (const line of lines(response.body)) yield line;
	}
	async get(path, signal) {
		return await (await this.fetched(path, {
			headers: HEADERS,
			signal: signal ?? null
		})).json();
	}
	send(path, body, signal) {
		return this.fetched(path, {
			method: "POST",
			headers: {
				...HEADERS,
				"Content-Type": "application/json"
			},
			body: JSON.stringify(body),
			signal: signal ?? null
		});
	}
	async fetched(path, init) {
		let response;
		try {
			response = await this.host.fetch(`/antiphon/${path}`, init);
		} catch (error) {
			if (init.signal?.aborted) throw error;
			throw new ApiError({
				message: String(error),
				kind: "unreachable"
			});
		}
		if (response.ok) return response;
		throw new ApiError(await told$2(response), response.status);
	}
};
/** The error that a reply holds, whatever it is. */
async function told$2(response) {
	const text = await response.text();
	try {
		const error = JSON.parse(text).error;
		if (typeof error === "object" && typeof error.message === "string") return error;
		if (typeof error === "string") return { message: error };
	} catch {}
	return { message: `${response.status} ${response.statusText || text.slice(0, 200)}` };
}
function asked$1(query) {
	const kept = Object.entries(query).filter(([, value]) => value !== void 0 && value !== "");
	const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
	return text && `?${text}`;
}
// src/facts.ts
function tokens(entry) {
	return {
		input: entry.usage?.input_tokens ?? entry.input_tokens ?? null,
		output: entry.usage?.output_tokens ?? entry.output_tokens ?? null
	};
}
/** Tokens, cost, time, seed, and how it ended where that was not the usual way. `seconds` as measured here. */
function facts(entry, seconds = entry.seconds ?? null) {
	const { input, output } = tokens(entry);
	return [
		input !== null || output !== null ? t$2("tokens_in_out", {
			input: input ?? "?",
			output: output ?? "?"
		}) : "",
		entry.cost === null || entry.cost === void 0 ? "" : money(entry.cost),
		seconds === null ? "" : t$2("seconds", { n: seconds.toFixed(seconds < 10 ? 1 : 0) }),
		seedWords(entry),
		ended$1(entry.finish_reason)
	].filter(Boolean);
}
/** What became of the seed; a replay says so instead. */
function seedWords(entry) {
	if (entry.replayed === true) return t$2("seed_replayed", { seed: seed(entry) });
	if (entry.seed_status === "sent") return t$2("seed_sent", { seed: seed(entry) });
	if (entry.seed_status === "unsupported") return t$2("seed_unsupported", { seed: seed(entry) });
	return entry.seed === null || entry.seed === void 0 ? t$2("seed_none") : t$2("seed_is", { seed: seed(entry) });
}
function seed(entry) {
	return entry.seed ?? "–";
}
var ENDINGS = {
	length: "ended_length",
	content_filter: "ended_filter",
	refusal: "ended_refusal",
	error: "ended_error"
};
/** How the answer ended; empty for the usual way. */
function ended$1(reason) {
	const key = reason ? ENDINGS[reason] : void 0;
	return key ? t$2(key) : "";
}
/** The parts of a message: texts and media. */
function parts(message) {
	const content = message.parts ?? message.content ?? [];
	return typeof content === "string" ? [content] : content;
}
/** The text of a part, or null for a medium. */
function textOf(part) {
	return typeof part === "string" ? part : part.text ?? null;
}
function mediaOf(entry) {
	return entry.images ?? (Array.isArray(entry.media) ? entry.media : []);
}
/** All that the user said last, as one text. */
function lastPrompt(entry) {
	const last = entry.messages?.findLast((message) => message.role === "user");
	if (!last) return entry.prompt ?? "";
	return parts(last).map((part) => textOf(part) ?? "").filter(Boolean).join("\n");
}
// src/visible.ts
/** Text from elsewhere, made harmless to look at: what would not be seen, or would move other text, is a symbol. */
/** Kept as they are: tab and newline, and the joiners that scripts and emoji need (U+200C, U+200D). Shown: all other
control characters (Unicode's control pictures), marks and overrides of direction, invisible fillers, and tags. */
var UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
/** `text` with symbols for what could not be seen. A carriage return before a newline is dropped. */
function visible(text) {
	return text.replace(/\r\n/g, "\n").replace(UNSEEN, symbol);
}
/** The same on one line, for lists and labels. */
function line(text) {
	return visible(text.replace(/\s+/g, " ").trim());
}
function symbol(character) {
	const code = character.codePointAt(0);
	if (code < 32) return String.fromCodePoint(9216 + code);
	if (code === 127) return "␡";
	return `⟦U+${code.toString(16).toUpperCase().padStart(4, "0")}⟧`;
}
/** Where to cut `text` at or before `at` without halving a character pair or a line end, of which more may come. */
function cut(text, at) {
	const last = text.charCodeAt(at - 1);
	return at > 0 && (last === 13 || last >= 55296 && last <= 56319) ? at - 1 : at;
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/decorate.js
function __decorate(decorators, target, key, desc) {
	var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
	if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
	else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
	return c > 3 && r && Object.defineProperty(target, key, r), r;
}
// src/components/base.ts
/** What every component has: the way to the server, the language, the look. */
var AntiphonElement = class extends i$2 {
	static {
		this.styles = [tokens$1, basics];
	}
	constructor() {
		super();
		this.api = new Api();
		new Translated(this);
	}
	/** The error in words; whoever pairs is told where it was for want of a pairing. */
	failed(error) {
		if (error instanceof ApiError && error.status === 401) this.tell("antiphon-denied", error);
		return words$1(error);
	}
	/** Tells whoever holds this component. Crosses shadow roots. */
	tell(name, detail) {
		this.dispatchEvent(new CustomEvent(name, {
			detail,
			bubbles: true,
			composed: true
		}));
	}
};
__decorate([n$1({ attribute: false })], AntiphonElement.prototype, "api", void 0);
/** An error in words for the reader; nothing where something was only given up. */
function words$1(error) {
	if (error instanceof DOMException && error.name === "AbortError") return "";
	if (error instanceof ApiError) {
		if (error.kind === "unreachable") return t$2("unreachable");
		return [error.message, error.hint].filter(Boolean).join("\n");
	}
	return error instanceof Error ? error.message : String(error);
}
// src/copy.ts
/** Puts `text` on the clipboard, also on pages that the browser does not call secure (http to another machine). */
async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return selected(text);
	}
}
function selected(text) {
	const before = document.activeElement;
	const field = document.createElement("textarea");
	field.value = text;
	field.className = "antiphon-copying";
	document.body.append(field);
	field.select();
	const done = document.execCommand("copy");
	field.remove();
	if (before instanceof HTMLElement) before.focus();
	return done;
}
/** Gives the reader `blob` as a file. */
function download(blob, name) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 6e4);
}
// src/components/copy.ts
var AntiphonCopy = class AntiphonCopy extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.text = () => "";
		this.done = null;
		this.copied = async () => {
			this.done = await copy(this.text());
			setTimeout(() => {
				this.done = null;
			}, 2e3);
		};
	}
	render() {
		const words = this.done === null ? "" : this.done ? t$2("copied") : t$2("copy_failed");
		return b`<button type="button" @click=${this.copied}>${words || t$2("copy")}</button>
      <span class="unseen" role="status">${words}</span>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonCopy.prototype, "text", void 0);
__decorate([r$2()], AntiphonCopy.prototype, "done", void 0);
AntiphonCopy = __decorate([t$3("antiphon-copy")], AntiphonCopy);
// src/components/media.ts
var AntiphonMedia = class AntiphonMedia extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.recording = "";
		this.medium = {};
		this.broken = false;
		this.failedToShow = () => {
			this.broken = true;
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
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
    `];
	}
	render() {
		const kind = this.medium.media_type?.split("/")[0] ?? this.medium.kind;
		const name = this.name(kind);
		const source = this.source;
		if (!source || this.broken) return b`<p class="quiet foreign">${name}</p>`;
		if (kind === "image") return b`<img src=${source} alt=${name} loading="lazy" @error=${this.failedToShow} />`;
		if (kind === "audio") return b`<audio src=${source} aria-label=${name} controls preload="none" @error=${this.failedToShow}></audio>`;
		if (kind === "video") return b`<video src=${source} aria-label=${name} controls preload="none" @error=${this.failedToShow}></video>`;
		return b`<p class="quiet foreign">${name}</p>`;
	}
	/** The bytes in the answer itself, or where the server has them. Never another site's address. */
	get source() {
		const { sha256, url, size } = this.medium;
		if (url && /^data:(image\/(png|jpeg|gif|webp|bmp|avif)|audio\/|video\/)/.test(url)) return url;
		return sha256 && size !== null && this.recording ? this.api.media(this.recording, sha256) : "";
	}
	name(kind) {
		const words = {
			image: t$2("image"),
			audio: t$2("audio"),
			video: t$2("video")
		}[kind ?? ""] ?? t$2("document");
		const size = this.medium.size ? `${number(Math.ceil(this.medium.size / 1024))} KB` : "";
		return [
			words,
			line(this.medium.name ?? address(this.medium.url)),
			this.medium.media_type ?? "",
			size
		].filter(Boolean).join(" · ");
	}
};
__decorate([n$1({ attribute: false })], AntiphonMedia.prototype, "recording", void 0);
__decorate([n$1({ attribute: false })], AntiphonMedia.prototype, "medium", void 0);
__decorate([r$2()], AntiphonMedia.prototype, "broken", void 0);
AntiphonMedia = __decorate([t$3("antiphon-media")], AntiphonMedia);
/** An address in short; the bytes of a data URL are nothing to read. */
function address(url) {
	return !url || url.startsWith("data:") ? "" : url.slice(0, 200);
}
// src/components/answer.ts
var AntiphonAnswer = class AntiphonAnswer extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.entry = null;
		this.label = "";
		this.compact = false;
		this.phase = "idle";
		this.problem = "";
		this.seconds = null;
		this.thought = false;
		this.control = null;
		this.clock = 0;
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 8px;
        align-content: start;
        min-width: 0;
      }

      .facts {
        font-variant-numeric: tabular-nums;
      }

      .facts > span + span::before {
        content: " · ";
      }

      .reasoning {
        padding-inline-start: 10px;
        border-inline-start: 3px solid var(--a-line);
        color: var(--a-quiet);
      }

      .notes li {
        padding-inline-start: 1em;
        text-indent: -1em;
      }

      .notes li::before {
        content: "– ";
      }
    `];
	}
	get busy() {
		return this.phase === "asked" || this.phase === "coming";
	}
	get text() {
		return this.answer?.text ?? "";
	}
	/** Asks, shows what comes, and gives the completion; null where it failed or was stopped. */
	async ask(body) {
		this.stop();
		await this.updateComplete;
		const control = new AbortController();
		this.control = control;
		this.begin();
		try {
			for await (const event of this.api.complete(body, control.signal)) {
				if (control.signal.aborted) break;
				if ("delta" in event) this.more(event.delta.text ?? "", event.delta.reasoning ?? "");
				else if ("completion" in event) return this.finish(event.completion);
				else if ("error" in event) throw problemOf(event.error);
			}
			if (!control.signal.aborted) throw new Error(t$2("cut_off"));
		} catch (error) {
			if (!control.signal.aborted) this.fail(this.failed(error));
		} finally {
			if (this.control === control) this.end();
		}
		return null;
	}
	/** Gives up what is coming. */
	stop() {
		if (!this.busy) return;
		this.control?.abort();
		this.phase = "stopped";
		this.end();
	}
	/** Before the first piece. */
	begin() {
		this.entry = null;
		this.problem = "";
		this.thought = false;
		this.answer.text = "";
		this.thoughts.text = "";
		this.phase = "asked";
		const began = performance.now();
		const tick = () => {
			this.seconds = (performance.now() - began) / 1e3;
		};
		tick();
		clearInterval(this.clock);
		this.clock = window.setInterval(tick, 500);
	}
	/** A piece. */
	more(text, reasoning = "") {
		if (this.phase !== "coming") this.phase = "coming";
		if (reasoning) {
			this.thought = true;
			this.thoughts.add(reasoning);
		}
		this.answer.add(text);
	}
	/** The whole answer. */
	finish(entry) {
		this.phase = "done";
		this.entry = entry;
		this.end();
		return entry;
	}
	fail(problem) {
		this.phase = "failed";
		this.problem = problem;
		this.end();
	}
	end() {
		clearInterval(this.clock);
		this.control = null;
	}
	disconnectedCallback() {
		super.disconnectedCallback();
		this.stop();
		this.end();
	}
	updated(changed) {
		if (!changed.has("entry") || !this.entry) return;
		this.answer.text = this.entry.text ?? "";
		this.thoughts.text = this.entry.reasoning ?? "";
		this.thought = Boolean(this.entry.reasoning);
	}
	/** What a screen reader hears: changes at the beginning and the end only. */
	get said() {
		const label = this.label ? `${this.label}: ` : "";
		if (this.busy) return label + t$2("answer_coming");
		if (this.phase === "done") return label + t$2("answer_done");
		if (this.phase === "stopped") return label + t$2("answer_stopped");
		return "";
	}
	render() {
		return b`<span class="unseen" role="status">${this.said}</span>
      ${this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A}
      <details class="reasoning" ?hidden=${!this.thought}>
        <summary>${t$2("reasoning")}</summary>
        <antiphon-text class="thoughts"></antiphon-text>
      </details>
      <antiphon-text class="answer" aria-busy=${this.busy ? "true" : "false"}></antiphon-text>
      ${this.renderMedia()} ${this.renderNotes()} ${this.renderStatus()}`;
	}
	renderMedia() {
		const { entry } = this;
		if (!entry) return A;
		const key = entry.key ?? "";
		return mediaOf(entry).map((medium) => b`<antiphon-media .api=${this.api} .recording=${key} .medium=${medium}></antiphon-media>`);
	}
	renderNotes() {
		const notes = this.entry?.notes ?? [];
		if (!notes.length) return A;
		return b`<div>
      <h3 class="quiet">${t$2("notes")}</h3>
      <ul class="notes quiet">
        ${notes.map((note) => b`<li class="foreign">${visible(note)}</li>`)}
      </ul>
    </div>`;
	}
	renderStatus() {
		const measured = this.seconds;
		const told = this.entry ? facts(this.entry, measured ?? this.entry.seconds ?? null) : this.running(measured);
		if (!told.length && !this.entry) return A;
		return b`<div class="row">
      <p class="facts quiet grow">${told.map((fact) => b`<span>${line(fact)}</span>`)}</p>
      ${this.entry && !this.compact ? b`<antiphon-copy .text=${() => this.entry?.text ?? ""}></antiphon-copy>` : A}
    </div>`;
	}
	running(seconds) {
		if (this.phase === "idle" || this.phase === "failed") return [];
		return [{
			asked: t$2("waiting"),
			coming: t$2("writing"),
			stopped: t$2("answer_stopped"),
			done: ""
		}[this.phase], seconds === null ? "" : t$2("seconds", { n: seconds.toFixed(1) })].filter(Boolean);
	}
};
__decorate([n$1({ attribute: false })], AntiphonAnswer.prototype, "entry", void 0);
__decorate([n$1()], AntiphonAnswer.prototype, "label", void 0);
__decorate([n$1({ type: Boolean })], AntiphonAnswer.prototype, "compact", void 0);
__decorate([r$2()], AntiphonAnswer.prototype, "phase", void 0);
__decorate([r$2()], AntiphonAnswer.prototype, "problem", void 0);
__decorate([r$2()], AntiphonAnswer.prototype, "seconds", void 0);
__decorate([r$2()], AntiphonAnswer.prototype, "thought", void 0);
__decorate([e$3("antiphon-text.answer")], AntiphonAnswer.prototype, "answer", void 0);
__decorate([e$3("antiphon-text.thoughts")], AntiphonAnswer.prototype, "thoughts", void 0);
AntiphonAnswer = __decorate([t$3("antiphon-answer")], AntiphonAnswer);
function problemOf(error) {
	return new Error([error.message, error.hint].filter(Boolean).join("\n"));
}
// node_modules/diff/libesm/diff/base.js
var Diff = class {
	diff(oldStr, newStr, options = {}) {
		let callback;
		if (typeof options === "function") {
			callback = options;
			options = {};
		} else if ("callback" in options) callback = options.callback;
		const oldString = this.castInput(oldStr, options);
		const newString = this.castInput(newStr, options);
		const oldTokens = this.removeEmpty(this.tokenize(oldString, options));
		const newTokens = this.removeEmpty(this.tokenize(newString, options));
		return this.diffWithOptionsObj(oldTokens, newTokens, options, callback);
	}
	diffWithOptionsObj(oldTokens, newTokens, options, callback) {
		var _a;
		const done = (value) => {
			value = this.postProcess(value, options);
			if (callback) {
				setTimeout(function() {
					callback(value);
				}, 0);
				return;
			} else return value;
		};
		const newLen = newTokens.length, oldLen = oldTokens.length;
		let editLength = 1;
		let maxEditLength = newLen + oldLen;
		if (options.maxEditLength != null) maxEditLength = Math.min(maxEditLength, options.maxEditLength);
		const maxExecutionTime = (_a = options.timeout) !== null && _a !== void 0 ? _a : Infinity;
		const abortAfterTimestamp = Date.now() + maxExecutionTime;
		const bestPath = [{
			oldPos: -1,
			lastComponent: void 0
		}];
		let newPos = this.extractCommon(bestPath[0], newTokens, oldTokens, 0, options);
		if (bestPath[0].oldPos + 1 >= oldLen && newPos + 1 >= newLen) return done(this.buildValues(bestPath[0].lastComponent, newTokens, oldTokens));
		let minDiagonalToConsider = -Infinity, maxDiagonalToConsider = Infinity;
		const execEditLength = () => {
			for (let diagonalPath = Math.max(minDiagonalToConsider, -editLength); diagonalPath <= Math.min(maxDiagonalToConsider, editLength); diagonalPath += 2) {
				let basePath;
				const removePath = bestPath[diagonalPath - 1], addPath = bestPath[diagonalPath + 1];
				if (removePath) bestPath[diagonalPath - 1] = void 0;
				let canAdd = false;
				if (addPath) {
					const addPathNewPos = addPath.oldPos - diagonalPath;
					canAdd = addPath && 0 <= addPathNewPos && addPathNewPos < newLen;
				}
				const canRemove = removePath && removePath.oldPos + 1 < oldLen;
				if (!canAdd && !canRemove) {
					bestPath[diagonalPath] = void 0;
					continue;
				}
				if (!canRemove || canAdd && removePath.oldPos < addPath.oldPos) basePath = this.addToPath(addPath, true, false, 0, options);
				else basePath = this.addToPath(removePath, false, true, 1, options);
				newPos = this.extractCommon(basePath, newTokens, oldTokens, diagonalPath, options);
				if (basePath.oldPos + 1 >= oldLen && newPos + 1 >= newLen) return done(this.buildValues(basePath.lastComponent, newTokens, oldTokens)) || true;
				else {
					bestPath[diagonalPath] = basePath;
					if (basePath.oldPos + 1 >= oldLen) maxDiagonalToConsider = Math.min(maxDiagonalToConsider, diagonalPath - 1);
					if (newPos + 1 >= newLen) minDiagonalToConsider = Math.max(minDiagonalToConsider, diagonalPath + 1);
				}
			}
			editLength++;
		};
		if (callback) (function exec() {
			setTimeout(function() {
				if (editLength > maxEditLength || Date.now() > abortAfterTimestamp) return callback(void 0);
				if (!execEditLength()) exec();
			}, 0);
		})();
		else while (editLength <= maxEditLength && Date.now() <= abortAfterTimestamp) {
			const ret = execEditLength();
			if (ret) return ret;
		}
	}
	addToPath(path, added, removed, oldPosInc, options) {
		const last = path.lastComponent;
		if (last && !options.oneChangePerToken && last.added === added && last.removed === removed) return {
			oldPos: path.oldPos + oldPosInc,
			lastComponent: {
				count: last.count + 1,
				added,
				removed,
				previousComponent: last.previousComponent
			}
		};
		else return {
			oldPos: path.oldPos + oldPosInc,
			lastComponent: {
				count: 1,
				added,
				removed,
				previousComponent: last
			}
		};
	}
	extractCommon(basePath, newTokens, oldTokens, diagonalPath, options) {
		const newLen = newTokens.length, oldLen = oldTokens.length;
		let oldPos = basePath.oldPos, newPos = oldPos - diagonalPath, commonCount = 0;
		while (newPos + 1 < newLen && oldPos + 1 < oldLen && this.equals(oldTokens[oldPos + 1], newTokens[newPos + 1], options)) {
			newPos++;
			oldPos++;
			commonCount++;
			if (options.oneChangePerToken) basePath.lastComponent = {
				count: 1,
				previousComponent: basePath.lastComponent,
				added: false,
				removed: false
			};
		}
		if (commonCount && !options.oneChangePerToken) basePath.lastComponent = {
			count: commonCount,
			previousComponent: basePath.lastComponent,
			added: false,
			removed: false
		};
		basePath.oldPos = oldPos;
		return newPos;
	}
	equals(left, right, options) {
		if (options.comparator) return options.comparator(left, right);
		else return left === right || !!options.ignoreCase && left.toLowerCase() === right.toLowerCase();
	}
	removeEmpty(array) {
		const ret = [];
		for (let i = 0; i < array.length; i++) if (array[i]) ret.push(array[i]);
		return ret;
	}
	castInput(value, options) {
		return value;
	}
	tokenize(value, options) {
		return Array.from(value);
	}
	join(chars) {
		return chars.join("");
	}
	postProcess(changeObjects, options) {
		return changeObjects;
	}
	get useLongestToken() {
		return false;
	}
	buildValues(lastComponent, newTokens, oldTokens) {
		const components = [];
		let nextComponent;
		while (lastComponent) {
			components.push(lastComponent);
			nextComponent = lastComponent.previousComponent;
			delete lastComponent.previousComponent;
			lastComponent = nextComponent;
		}
		components.reverse();
		const componentLen = components.length;
		let componentPos = 0, newPos = 0, oldPos = 0;
		for (; componentPos < componentLen; componentPos++) {
			const component = components[componentPos];
			if (!component.removed) {
				if (!component.added && this.useLongestToken) {
					let value = newTokens.slice(newPos, newPos + component.count);
					value = value.map(function(value, i) {
						const oldValue = oldTokens[oldPos + i];
						return oldValue.length > value.length ? oldValue : value;
					});
					component.value = this.join(value);
				} else component.value = this.join(newTokens.slice(newPos, newPos + component.count));
				newPos += component.count;
				if (!component.added) oldPos += component.count;
			} else {
				component.value = this.join(oldTokens.slice(oldPos, oldPos + component.count));
				oldPos += component.count;
			}
		}
		return components;
	}
};
// node_modules/diff/libesm/diff/character.js
var CharacterDiff = class extends Diff {};
new CharacterDiff();
// node_modules/diff/libesm/util/string.js
function longestCommonPrefix(str1, str2) {
	let i = 0;
	for (; i < str1.length && i < str2.length; i++) if (str1[i] != str2[i]) return str1.slice(0, i);
	return str1.slice(0, i);
}
function longestCommonSuffix(str1, str2) {
	let i;
	if (!str1 || !str2 || str1[str1.length - 1] != str2[str2.length - 1]) return "";
	for (i = 0; i < str1.length && i < str2.length; i++) if (str1[str1.length - (i + 1)] != str2[str2.length - (i + 1)]) return str1.slice(-i);
	return str1.slice(-i);
}
function replacePrefix(string, oldPrefix, newPrefix) {
	if (string.slice(0, oldPrefix.length) != oldPrefix) throw Error(`string ${JSON.stringify(string)} doesn't start with prefix ${JSON.stringify(oldPrefix)}; this is a bug`);
	return newPrefix + string.slice(oldPrefix.length);
}
function replaceSuffix(string, oldSuffix, newSuffix) {
	if (!oldSuffix) return string + newSuffix;
	if (string.slice(-oldSuffix.length) != oldSuffix) throw Error(`string ${JSON.stringify(string)} doesn't end with suffix ${JSON.stringify(oldSuffix)}; this is a bug`);
	return string.slice(0, -oldSuffix.length) + newSuffix;
}
function removePrefix(string, oldPrefix) {
	return replacePrefix(string, oldPrefix, "");
}
function removeSuffix(string, oldSuffix) {
	return replaceSuffix(string, oldSuffix, "");
}
function maximumOverlap(string1, string2) {
	return string2.slice(0, overlapCount(string1, string2));
}
function overlapCount(a, b) {
	let startA = 0;
	if (a.length > b.length) startA = a.length - b.length;
	let endB = b.length;
	if (a.length < b.length) endB = a.length;
	const map = Array(endB);
	let k = 0;
	map[0] = 0;
	for (let j = 1; j < endB; j++) {
		if (b[j] == b[k]) map[j] = map[k];
		else map[j] = k;
		while (k > 0 && b[j] != b[k]) k = map[k];
		if (b[j] == b[k]) k++;
	}
	k = 0;
	for (let i = startA; i < a.length; i++) {
		while (k > 0 && a[i] != b[k]) k = map[k];
		if (a[i] == b[k]) k++;
	}
	return k;
}
/**
* Split a string into segments using a word segmenter, merging consecutive
* segments if they are both whitespace segments. Whitespace segments can
* appear adjacent to one another for two reasons:
* - newlines always get their own segment
* - where a diacritic is attached to a whitespace character in the text, the
*   segment ends after the diacritic, so e.g. " \u0300 " becomes two segments.
* This function therefore runs the segmenter's .segment() method and then
* merges consecutive segments of whitespace into a single part.
*/
function segment(string, segmenter) {
	const parts = [];
	for (const segmentObj of Array.from(segmenter.segment(string))) {
		const segment = segmentObj.segment;
		if (parts.length && /\s/.test(parts[parts.length - 1]) && /\s/.test(segment)) parts[parts.length - 1] += segment;
		else parts.push(segment);
	}
	return parts;
}
function trailingWs(string, segmenter) {
	if (segmenter) return leadingAndTrailingWs(string, segmenter)[1];
	let i;
	for (i = string.length - 1; i >= 0; i--) if (!string[i].match(/\s/)) break;
	return string.substring(i + 1);
}
function leadingWs(string, segmenter) {
	if (segmenter) return leadingAndTrailingWs(string, segmenter)[0];
	const match = string.match(/^\s*/);
	return match ? match[0] : "";
}
function leadingAndTrailingWs(string, segmenter) {
	if (!segmenter) return [leadingWs(string), trailingWs(string)];
	if (segmenter.resolvedOptions().granularity != "word") throw new Error("The segmenter passed must have a granularity of \"word\"");
	const segments = segment(string, segmenter);
	const firstSeg = segments[0];
	const lastSeg = segments[segments.length - 1];
	return [/\s/.test(firstSeg) ? firstSeg : "", /\s/.test(lastSeg) ? lastSeg : ""];
}
// node_modules/diff/libesm/diff/word.js
var extendedWordChars = "a-zA-Z0-9_\\u{AD}\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2C6}\\u{2C8}-\\u{2D7}\\u{2DE}-\\u{2FF}\\u{1E00}-\\u{1EFF}";
var tokenizeIncludingWhitespace = new RegExp(`[${extendedWordChars}]+|\\s+|[^${extendedWordChars}]`, "ug");
var WordDiff = class extends Diff {
	equals(left, right, options) {
		if (options.ignoreCase) {
			left = left.toLowerCase();
			right = right.toLowerCase();
		}
		return left.trim() === right.trim();
	}
	tokenize(value, options = {}) {
		let parts;
		if (options.intlSegmenter) {
			const segmenter = options.intlSegmenter;
			if (segmenter.resolvedOptions().granularity != "word") throw new Error("The segmenter passed must have a granularity of \"word\"");
			parts = segment(value, segmenter);
		} else parts = value.match(tokenizeIncludingWhitespace) || [];
		const tokens = [];
		let prevPart = null;
		parts.forEach((part) => {
			if (/\s/.test(part)) {
				if (prevPart == null) tokens.push(part);
				else tokens.push(tokens.pop() + part);
			} else if (prevPart != null && /\s/.test(prevPart)) {
				if (tokens[tokens.length - 1] == prevPart) tokens.push(tokens.pop() + part);
				else tokens.push(prevPart + part);
			} else tokens.push(part);
			prevPart = part;
		});
		return tokens;
	}
	join(tokens) {
		return tokens.map((token, i) => {
			if (i == 0) return token;
			else return token.replace(/^\s+/, "");
		}).join("");
	}
	postProcess(changes, options) {
		if (!changes || options.oneChangePerToken) return changes;
		let lastKeep = null;
		let insertion = null;
		let deletion = null;
		changes.forEach((change) => {
			if (change.added) insertion = change;
			else if (change.removed) deletion = change;
			else {
				if (insertion || deletion) dedupeWhitespaceInChangeObjects(lastKeep, deletion, insertion, change, options.intlSegmenter);
				lastKeep = change;
				insertion = null;
				deletion = null;
			}
		});
		if (insertion || deletion) dedupeWhitespaceInChangeObjects(lastKeep, deletion, insertion, null, options.intlSegmenter);
		return changes;
	}
};
new WordDiff();
function dedupeWhitespaceInChangeObjects(startKeep, deletion, insertion, endKeep, segmenter) {
	if (deletion && insertion) {
		const [oldWsPrefix, oldWsSuffix] = leadingAndTrailingWs(deletion.value, segmenter);
		const [newWsPrefix, newWsSuffix] = leadingAndTrailingWs(insertion.value, segmenter);
		if (startKeep) {
			const commonWsPrefix = longestCommonPrefix(oldWsPrefix, newWsPrefix);
			startKeep.value = replaceSuffix(startKeep.value, newWsPrefix, commonWsPrefix);
			deletion.value = removePrefix(deletion.value, commonWsPrefix);
			insertion.value = removePrefix(insertion.value, commonWsPrefix);
		}
		if (endKeep) {
			const commonWsSuffix = longestCommonSuffix(oldWsSuffix, newWsSuffix);
			endKeep.value = replacePrefix(endKeep.value, newWsSuffix, commonWsSuffix);
			deletion.value = removeSuffix(deletion.value, commonWsSuffix);
			insertion.value = removeSuffix(insertion.value, commonWsSuffix);
		}
	} else if (insertion) {
		if (startKeep) {
			const ws = leadingWs(insertion.value, segmenter);
			insertion.value = insertion.value.substring(ws.length);
		}
		if (endKeep) {
			const ws = leadingWs(endKeep.value, segmenter);
			endKeep.value = endKeep.value.substring(ws.length);
		}
	} else if (startKeep && endKeep) {
		const newWsFull = leadingWs(endKeep.value, segmenter), [delWsStart, delWsEnd] = leadingAndTrailingWs(deletion.value, segmenter);
		const newWsStart = longestCommonPrefix(newWsFull, delWsStart);
		deletion.value = removePrefix(deletion.value, newWsStart);
		const newWsEnd = longestCommonSuffix(removePrefix(newWsFull, newWsStart), delWsEnd);
		deletion.value = removeSuffix(deletion.value, newWsEnd);
		endKeep.value = replacePrefix(endKeep.value, newWsFull, newWsEnd);
		startKeep.value = replaceSuffix(startKeep.value, newWsFull, newWsFull.slice(0, newWsFull.length - newWsEnd.length));
	} else if (endKeep) {
		const endKeepWsPrefix = leadingWs(endKeep.value, segmenter);
		const overlap = maximumOverlap(trailingWs(deletion.value, segmenter), endKeepWsPrefix);
		deletion.value = removeSuffix(deletion.value, overlap);
	} else if (startKeep) {
		const overlap = maximumOverlap(trailingWs(startKeep.value, segmenter), leadingWs(deletion.value, segmenter));
		deletion.value = removePrefix(deletion.value, overlap);
	}
}
var WordsWithSpaceDiff = class extends Diff {
	tokenize(value) {
		const regex = new RegExp(`(\\r?\\n)|[${extendedWordChars}]+|[^\\S\\n\\r]+|[^${extendedWordChars}]`, "ug");
		return value.match(regex) || [];
	}
};
new WordsWithSpaceDiff();
// node_modules/diff/libesm/diff/line.js
var LineDiff = class extends Diff {
	constructor() {
		super(...arguments);
		this.tokenize = tokenize;
	}
	equals(left, right, options) {
		if (options.ignoreWhitespace) {
			if (!options.newlineIsToken || !left.includes("\n")) left = left.trim();
			if (!options.newlineIsToken || !right.includes("\n")) right = right.trim();
		} else if (options.ignoreNewlineAtEof && !options.newlineIsToken) {
			if (left.endsWith("\n")) left = left.slice(0, -1);
			if (right.endsWith("\n")) right = right.slice(0, -1);
		}
		return super.equals(left, right, options);
	}
};
new LineDiff();
function tokenize(value, options) {
	if (options.stripTrailingCr) value = value.replace(/\r\n/g, "\n");
	const retLines = [], linesAndNewlines = value.split(/(\n|\r\n)/);
	if (!linesAndNewlines[linesAndNewlines.length - 1]) linesAndNewlines.pop();
	for (let i = 0; i < linesAndNewlines.length; i++) {
		const line = linesAndNewlines[i];
		if (i % 2 && !options.newlineIsToken) retLines[retLines.length - 1] += line;
		else retLines.push(line);
	}
	return retLines;
}
// node_modules/diff/libesm/diff/sentence.js
function isSentenceEndPunct(char) {
	return char == "." || char == "!" || char == "?";
}
var SentenceDiff = class extends Diff {
	tokenize(value) {
		var _a;
		const result = [];
		let tokenStartI = 0;
		for (let i = 0; i < value.length; i++) {
			if (i == value.length - 1) {
				result.push(value.slice(tokenStartI));
				break;
			}
			if (isSentenceEndPunct(value[i]) && value[i + 1].match(/\s/)) {
				result.push(value.slice(tokenStartI, i + 1));
				i = tokenStartI = i + 1;
				while ((_a = value[i + 1]) === null || _a === void 0 ? void 0 : _a.match(/\s/)) i++;
				result.push(value.slice(tokenStartI, i + 1));
				tokenStartI = i + 1;
			}
		}
		return result;
	}
};
new SentenceDiff();
// node_modules/diff/libesm/diff/css.js
var CssDiff = class extends Diff {
	tokenize(value) {
		return value.split(/([{}:;,]|\s+)/);
	}
};
new CssDiff();
// node_modules/diff/libesm/diff/json.js
var JsonDiff = class extends Diff {
	constructor() {
		super(...arguments);
		this.tokenize = tokenize;
	}
	get useLongestToken() {
		return true;
	}
	castInput(value, options) {
		const { undefinedReplacement, stringifyReplacer = (k, v) => typeof v === "undefined" ? undefinedReplacement : v } = options;
		return typeof value === "string" ? value : JSON.stringify(canonicalize(value, null, null, stringifyReplacer), null, "  ");
	}
	equals(left, right, options) {
		return super.equals(left.replace(/,([\r\n])/g, "$1"), right.replace(/,([\r\n])/g, "$1"), options);
	}
};
new JsonDiff();
function canonicalize(obj, stack, replacementStack, replacer, key) {
	stack = stack || [];
	replacementStack = replacementStack || [];
	if (replacer) obj = replacer(key === void 0 ? "" : key, obj);
	let i = 0;
	for (; i < stack.length; i += 1) if (stack[i] === obj) return replacementStack[i];
	let canonicalizedObj;
	if ("[object Array]" === Object.prototype.toString.call(obj)) {
		stack.push(obj);
		canonicalizedObj = new Array(obj.length);
		replacementStack.push(canonicalizedObj);
		for (i = 0; i < obj.length; i += 1) canonicalizedObj[i] = canonicalize(obj[i], stack, replacementStack, replacer, String(i));
		stack.pop();
		replacementStack.pop();
		return canonicalizedObj;
	}
	if (obj && obj.toJSON) obj = obj.toJSON();
	if (typeof obj === "object" && obj !== null) {
		stack.push(obj);
		canonicalizedObj = {};
		replacementStack.push(canonicalizedObj);
		const sortedKeys = [];
		let key;
		for (key in obj)
 /* istanbul ignore else */
		if (Object.prototype.hasOwnProperty.call(obj, key)) sortedKeys.push(key);
		sortedKeys.sort();
		for (i = 0; i < sortedKeys.length; i += 1) {
			key = sortedKeys[i];
			canonicalizedObj[key] = canonicalize(obj[key], stack, replacementStack, replacer, key);
		}
		stack.pop();
		replacementStack.pop();
	} else canonicalizedObj = obj;
	return canonicalizedObj;
}
// node_modules/diff/libesm/diff/array.js
var ArrayDiff = class extends Diff {
	tokenize(value) {
		return value.slice();
	}
	join(value) {
		return value;
	}
	removeEmpty(value) {
		return value;
	}
};
var arrayDiff = new ArrayDiff();
function diffArrays(oldArr, newArr, options) {
	return arrayDiff.diff(oldArr, newArr, options);
}
// src/diff.ts
/** What differs between two texts, word by word, in any language. */
/** Characters of both texts together up to which words are compared, and up to which lines are. */
var WORDS = 6e4;
var LINES = 4e5;
var PATIENCE$2 = {
	timeout: 400,
	maxEditLength: 3e3
};
/** The pieces of both texts in order, or null where they are too long or too different to be compared. */
function compared(left, right, language) {
	if (left === right) return left ? [{
		text: left,
		left: true,
		right: true
	}] : [];
	const size = left.length + right.length;
	return (size <= WORDS ? pieces(words(left, language), words(right, language)) : null) ?? (size <= LINES ? pieces(byLine(left), byLine(right)) : null);
}
function pieces(left, right) {
	return diffArrays(left, right, PATIENCE$2)?.map(({ value, added, removed }) => ({
		text: value.join(""),
		left: !added,
		right: !removed
	})) ?? null;
}
/** Words as the language has them: Chinese has no spaces between its. */
function words(text, language) {
	return Array.from(new Intl.Segmenter(language, { granularity: "word" }).segment(text), ({ segment }) => segment);
}
function byLine(text) {
	return text.split(/(?<=\n)/);
}
// src/components/compare.ts
var AntiphonCompare = class AntiphonCompare extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.keys = null;
		this.entries = null;
		this.problem = "";
		this.control = null;
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 14px;
        align-content: start;
        container-type: inline-size;
      }

      .two {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 12px;
      }

      .side {
        padding: 8px 10px;
        border: 1px solid var(--a-line);
        border-radius: 6px;
        min-width: 0;
      }

      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        unicode-bidi: plaintext;
        contain: content;
      }

      del,
      ins {
        border-radius: 2px;
        box-decoration-break: clone;
      }

      del {
        background: var(--a-gone);
        text-decoration: line-through;
      }

      ins {
        background: var(--a-come);
        text-decoration: underline;
      }

      tr.differs td {
        font-weight: 600;
      }

      th:first-child {
        width: 28%;
      }

      @container (max-width: 520px) {
        .two {
          grid-template-columns: minmax(0, 1fr);
        }

        table {
          font-size: 0.85rem;
        }

        th:first-child {
          width: 38%;
        }
      }
    `];
	}
	willUpdate(changed) {
		if (changed.has("keys")) this.load();
	}
	async load() {
		this.control?.abort();
		this.entries = null;
		this.problem = "";
		if (!this.keys) return;
		const control = new AbortController();
		const { signal } = control;
		this.control = control;
		try {
			const [left, right] = await Promise.all(this.keys.map((key) => this.api.entry(key, signal)));
			if (!signal.aborted && left && right) this.entries = [left, right];
		} catch (error) {
			if (!signal.aborted) this.problem = this.failed(error);
		}
	}
	render() {
		if (this.problem) return b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>`;
		if (!this.entries) return b`<p class="quiet" role="status">${t$2("loading")}</p>`;
		const [left, right] = this.entries;
		const prompts = [lastPrompt(left), lastPrompt(right)];
		return b`<p class="quiet"><del>${t$2("only_left")}</del> · <ins>${t$2("only_right")}</ins></p>
      <section aria-labelledby="answers">
        <h3 id="answers">${t$2("answers")}</h3>
        ${this.renderTexts(left.text ?? "", right.text ?? "")}
      </section>
      <section aria-labelledby="prompts">
        <h3 id="prompts">${t$2("prompts")}</h3>
        ${prompts[0] === prompts[1] ? b`<p class="quiet">${t$2("same")}</p>` : this.renderTexts(...prompts)}
      </section>
      ${this.renderFacts(left, right)}`;
	}
	renderTexts(left, right) {
		const found = compared(visible(left), visible(right), language());
		return b`${left === right ? b`<p class="quiet">${t$2("same")}</p>` : A}
      ${found ? A : b`<p class="quiet">${t$2("too_different")}</p>`}
      <div class="two">
        ${this.renderSide(t$2("left"), found?.filter((piece) => piece.left) ?? null, left, "left")}
        ${this.renderSide(t$2("right"), found?.filter((piece) => piece.right) ?? null, right, "right")}
      </div>`;
	}
	renderSide(name, pieces, text, side) {
		const own = (piece) => side === "left" ? !piece.right : !piece.left;
		return b`<div class="side" role="group" aria-label=${name}>
      ${pieces ? b`<div class="text">${pieces.map((piece) => own(piece) ? side === "left" ? b`<del>${piece.text}</del>` : b`<ins>${piece.text}</ins>` : piece.text)}</div>` : b`<antiphon-text .text=${text}></antiphon-text>`}
    </div>`;
	}
	renderFacts(left, right) {
		const rows = rowsOf(left, right);
		return b`<table>
      <caption class="unseen">${t$2("settings")}</caption>
      <thead><tr><th>${t$2("what")}</th><th>${t$2("left")}</th><th>${t$2("right")}</th></tr></thead>
      <tbody>
        ${rows.map(([name, one, other]) => b`<tr class=${one === other ? "" : "differs"}>
            <th scope="row">${line(name)}${one === other ? A : b` <span title=${t$2("differs")} aria-label=${t$2("differs")} role="img">≠</span>`}</th>
            <td class="foreign">${line(one)}</td><td class="foreign">${line(other)}</td>
          </tr>`)}
      </tbody>
    </table>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonCompare.prototype, "keys", void 0);
__decorate([r$2()], AntiphonCompare.prototype, "entries", void 0);
__decorate([r$2()], AntiphonCompare.prototype, "problem", void 0);
AntiphonCompare = __decorate([t$3("antiphon-compare")], AntiphonCompare);
/** What can be compared about two answers, beside their texts. */
function rowsOf(left, right) {
	const both = (name, of) => [
		name,
		of(left),
		of(right)
	];
	const settings = [.../* @__PURE__ */ new Set([...Object.keys(left.config ?? {}), ...Object.keys(right.config ?? {})])].sort();
	return [
		both(t$2("provider"), (entry) => entry.provider),
		both(t$2("model"), (entry) => entry.model),
		both(t$2("seed"), (entry) => entry.seed ?? "–"),
		...settings.map((name) => both(name, (entry) => said$2(entry.config?.[name]))),
		both(t$2("measure_tokens"), (entry) => {
			const { input, output } = tokens(entry);
			return `${input ?? "?"} + ${output ?? "?"}`;
		}),
		both(t$2("measure_cost"), (entry) => money(entry.cost)),
		both(t$2("recorded"), (entry) => moment(entry.recorded_at))
	];
}
/** A setting's value in one line. */
function said$2(value) {
	if (value === void 0) return "–";
	return typeof value === "string" ? value : JSON.stringify(value);
}
// src/components/confirm.ts
var AntiphonConfirm = class AntiphonConfirm extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.question = null;
		this.settle = () => {};
		this.closed = () => {
			this.settle(this.dialog.returnValue === "yes");
			this.settle = () => {};
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      form {
        display: grid;
        gap: 12px;
      }

      .row {
        justify-content: flex-end;
      }

      p {
        overflow-wrap: anywhere;
      }
    `];
	}
	async ask(question) {
		this.settle(false);
		this.question = question;
		await this.updateComplete;
		this.dialog.returnValue = "";
		this.dialog.showModal();
		return new Promise((resolve) => {
			this.settle = resolve;
		});
	}
	render() {
		const { question } = this;
		return b`<dialog aria-labelledby="title" aria-describedby="about" @close=${this.closed}>
      <form method="dialog">
        <h2 id="title">${question?.title}</h2>
        <div id="about">${question?.about.map((text) => b`<p>${text}</p>`)}</div>
        <div class="row">
          <button value="no" autofocus>${t$2("cancel")}</button>
          <button value="yes" class="danger">${question?.yes}</button>
        </div>
      </form>
    </dialog>`;
	}
};
__decorate([r$2()], AntiphonConfirm.prototype, "question", void 0);
__decorate([e$3("dialog")], AntiphonConfirm.prototype, "dialog", void 0);
AntiphonConfirm = __decorate([t$3("antiphon-confirm")], AntiphonConfirm);
// src/components/credentials.ts
var AntiphonCredentials = class AntiphonCredentials extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.providers = [];
		this.list = null;
		this.problem = "";
		this.said = "";
		this.busy = false;
		this.provider = "";
		this.tests = {};
		this.add = async (event) => {
			event.preventDefault();
			if (this.busy) return;
			const data = new FormData(this.form);
			const said = (name) => String(data.get(name) ?? "").trim();
			const value = this.form.querySelector("[name=value]");
			const hosts = said("hosts").split(/[\s,]+/).filter(Boolean);
			const body = {
				name: said("name"),
				value: value.value.trim(),
				...this.provider ? { provider: this.provider } : {},
				...hosts.length ? { hosts } : {}
			};
			value.value = "";
			this.busy = true;
			try {
				await this.api.addCredential(body);
				this.form.reset();
				this.provider = "";
				this.said = t$2("key_added", { name: line(body.name) });
				await this.load();
			} catch (error) {
				this.problem = this.failed(error);
				value.focus();
			} finally {
				this.busy = false;
			}
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 16px;
        align-content: start;
      }

      li {
        display: grid;
        gap: 4px;
        padding: 10px 0;
        border-bottom: 1px solid var(--a-line);
      }

      form {
        display: grid;
        gap: 10px;
        padding: 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
      }

      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 180px), 1fr));
        gap: 10px;
      }

      .test {
        width: auto !important;
        flex: 1 1 8rem;
        max-width: 14rem;
      }

      .good {
        color: var(--a-good);
      }

      .bad {
        color: var(--a-bad);
      }

      .name {
        font-weight: 600;
      }
    `];
	}
	firstUpdated() {
		this.load();
	}
	async load() {
		try {
			this.list = await this.api.credentials();
			this.problem = "";
			this.tell("antiphon-credentials", this.list);
		} catch (error) {
			this.problem = this.failed(error);
		}
	}
	async test(credential, provider) {
		const { name } = credential;
		if (!provider || this.tests[name] === "asked") return;
		this.tests = {
			...this.tests,
			[name]: "asked"
		};
		try {
			const result = await this.api.testCredential({
				name,
				provider
			});
			this.tests = {
				...this.tests,
				[name]: result
			};
		} catch (error) {
			this.tests = {
				...this.tests,
				[name]: {
					ok: false,
					message: this.failed(error)
				}
			};
		}
	}
	async discard({ name, hosts }) {
		if (!await this.confirm.ask({
			title: t$2("key_remove_title", { name: line(name) }),
			about: [t$2("key_remove_lost", { hosts: line(hosts.join(", ")) })],
			yes: t$2("remove")
		})) return;
		try {
			await this.api.removeCredential(name);
			this.said = t$2("key_removed", { name: line(name) });
			await this.load();
			this.form.querySelector("input")?.focus();
		} catch (error) {
			this.problem = this.failed(error);
		}
	}
	render() {
		return b`${this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A}
      <section aria-labelledby="stored">
        <h2 id="stored">${t$2("credentials")}</h2>
        <p class="quiet">${t$2("credentials_about")}</p>
        ${this.renderList()}
      </section>
      ${this.renderForm()}
      <antiphon-confirm></antiphon-confirm>
      <span class="unseen" role="status">${this.said}</span>`;
	}
	renderList() {
		if (!this.list) return this.problem ? A : b`<p class="quiet">${t$2("loading")}</p>`;
		if (!this.list.length) return b`<p>${t$2("no_credentials")}</p>`;
		return b`<ul role="list">${this.list.map((credential) => this.renderOne(credential))}</ul>`;
	}
	renderOne(credential) {
		const name = line(credential.name);
		const tested = this.tests[credential.name];
		const choices = this.testable(credential);
		const test = (event) => {
			const row = event.currentTarget.closest("li");
			this.test(credential, row.querySelector("select")?.value ?? choices[0]?.name ?? "");
		};
		return b`<li>
      <span class="name foreign">${name}</span>
      <span class="quiet foreign">${line(credential.hosts.join(", "))} · ${line(credential.source)}</span>
      <div class="row">
        ${choices.length > 1 ? b`<select class="test" aria-label=${t$2("test_at", { name })}>
                ${choices.map((provider) => b`<option value=${provider.name}>${line(provider.title)}</option>`)}
              </select>` : A}
        <button type="button" aria-disabled=${tested === "asked" || !choices.length ? "true" : "false"} aria-label=${t$2("test_name", { name })} @click=${test}>
          ${t$2("test")}
        </button>
        <button type="button" class="danger" aria-label=${t$2("remove_name", { name })} @click=${() => this.discard(credential)}>
          ${t$2("remove")}
        </button>
      </div>
      <p role="status" class=${tested && tested !== "asked" ? tested.ok ? "good" : "bad" : "quiet"}>
        ${tested === "asked" ? t$2("testing") : tested ? testedWords(tested) : ""}
      </p>
    </li>`;
	}
	/** The providers that this key can be tried at: its own, those at its hosts, else all. */
	testable(credential) {
		const own = this.providers.filter((provider) => provider.name === credential.provider || provider.hosts.some((host) => credential.hosts.includes(host)));
		return own.length ? own : this.providers.filter((provider) => !provider.keyless);
	}
	renderForm() {
		const chosen = this.providers.find((provider) => provider.name === this.provider);
		return b`<form @submit=${this.add} autocomplete="off">
      <h3>${t$2("key_add")}</h3>
      <div class="fields">
        <label>${t$2("key_name")}<input name="name" required autocapitalize="none" spellcheck="false" /></label>
        <label>${t$2("provider")}
          <select @change=${(event) => {
			this.provider = event.target.value;
		}}>
            <option value="" ?selected=${!this.provider}>${t$2("key_own_host")}</option>
            ${this.providers.filter((provider) => !provider.keyless).map((provider) => b`<option value=${provider.name} ?selected=${provider.name === this.provider}>${line(provider.title)}</option>`)}
          </select>
        </label>
        ${chosen?.hosts.length ? A : b`<label>${t$2("key_hosts")}<input name="hosts" ?required=${!chosen} placeholder="api.example.com" autocapitalize="none" spellcheck="false" /></label>`}
        <label>${t$2("key_value")}
          <input name="value" type="password" required autocomplete="new-password" spellcheck="false" />
        </label>
      </div>
      ${chosen?.hosts.length ? b`<p class="quiet foreign">${t$2("key_goes", { hosts: line(chosen.hosts.join(", ")) })}</p>` : A}
      <div class="row"><button class="first" aria-disabled=${this.busy ? "true" : "false"}>${t$2("key_save")}</button></div>
    </form>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonCredentials.prototype, "providers", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "list", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "problem", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "said", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "busy", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "provider", void 0);
__decorate([r$2()], AntiphonCredentials.prototype, "tests", void 0);
__decorate([e$3("form")], AntiphonCredentials.prototype, "form", void 0);
__decorate([e$3("antiphon-confirm")], AntiphonCredentials.prototype, "confirm", void 0);
AntiphonCredentials = __decorate([t$3("antiphon-credentials")], AntiphonCredentials);
function testedWords({ ok, message }) {
	const words = ok ? t$2("test_good") : t$2("test_bad");
	return message ? `${words}: ${visible(message)}` : words;
}
// src/components/entry.ts
var ROLES = {
	system: "role_system",
	user: "role_user",
	assistant: "role_assistant"
};
var AntiphonEntry = class AntiphonEntry extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.key = null;
		this.usesText = false;
		this.opensWorkflow = false;
		this.entry = null;
		this.problem = "";
		this.seed = null;
		this.running = false;
		this.control = null;
		this.openWorkflow = async () => {
			const key = this.key;
			try {
				this.tell("antiphon-open-workflow", {
					key,
					workflow: await this.api.workflow(key)
				});
			} catch (error) {
				this.problem = this.failed(error);
			}
		};
		this.rerun = async () => {
			const { entry } = this;
			if (!entry?.key) return;
			const seed = after$1(this.seed ?? entry.seed);
			this.seed = seed;
			this.running = true;
			await this.updateComplete;
			const completion = await this.again?.ask({
				again: entry.key,
				seed
			});
			this.running = false;
			if (completion) this.tell("antiphon-rerun", completion);
		};
		this.pin = async () => {
			const { entry } = this;
			if (!entry?.key) return;
			const pinned = !entry.pinned;
			try {
				await this.api.pin(entry.key, pinned);
				this.entry = {
					...entry,
					pinned
				};
				this.tell("antiphon-pin", {
					key: entry.key,
					pinned
				});
			} catch (error) {
				this.problem = this.failed(error);
			}
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 14px;
        align-content: start;
        min-width: 0;
      }

      section {
        display: grid;
        gap: 6px;
      }

      .box {
        padding: 10px 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
        min-width: 0;
      }

      .box.user,
      .box.system {
        background: var(--a-raised);
      }

      .message {
        display: grid;
        gap: 4px;
      }

      h2 {
        overflow-wrap: anywhere;
      }
    `];
	}
	willUpdate(changed) {
		if (changed.has("key")) this.load();
	}
	focus() {
		this.heading?.focus();
	}
	async load() {
		this.control?.abort();
		this.again?.stop();
		Object.assign(this, {
			entry: null,
			problem: "",
			seed: null,
			running: false
		});
		if (!this.key) return;
		const control = new AbortController();
		const { signal } = control;
		this.control = control;
		try {
			const entry = await this.api.entry(this.key, signal);
			if (!signal.aborted) this.entry = entry;
		} catch (error) {
			if (!signal.aborted) this.problem = this.failed(error);
		}
	}
	render() {
		const problem = this.problem || this.entry?.problem || "";
		return b`${problem ? b`<p class="problem foreign" role="alert">${visible(problem)}</p>` : A}
      ${this.entry ? this.renderEntry(this.entry) : problem ? A : b`<p class="quiet" role="status">${t$2("loading")}</p>`}`;
	}
	renderEntry(entry) {
		return b`<header>
        <h2 class="foreign" tabindex="-1">${line(`${entry.provider} / ${entry.model}`)}</h2>
        <p class="quiet">${this.told(entry)}</p>
      </header>
      ${this.renderButtons(entry)} ${this.renderAgain()}
      <section aria-labelledby="answer">
        <h3 id="answer">${t$2("answer")}</h3>
        <antiphon-answer class="box" .api=${this.api} .entry=${entry}></antiphon-answer>
      </section>
      <section aria-labelledby="messages">
        <h3 id="messages">${t$2("messages")}</h3>
        ${(entry.messages ?? []).map((message) => this.renderMessage(message))}
      </section>
      ${this.renderSettings(entry)} ${this.renderSent(entry)}`;
	}
	told(entry) {
		const replayed = Number(entry.replayed ?? 0);
		return [
			entry.recorded_at ? t$2("recorded_at", { when: moment(entry.recorded_at) }) : "",
			replayed ? t$2("replayed_times", { n: replayed }) : t$2("never_replayed"),
			replayed && entry.replayed_at ? t$2("replayed_last", { when: moment(entry.replayed_at) }) : ""
		].filter(Boolean).join(" · ");
	}
	renderButtons(entry) {
		const use = () => this.tell("antiphon-use-text", {
			text: entry.text ?? "",
			key: entry.key
		});
		const remove = () => this.tell("antiphon-delete", { keys: [entry.key] });
		const next = after$1(this.seed ?? entry.seed);
		return b`<div class="row" role="group" aria-label=${t$2("actions")}>
      ${this.usesText ? b`<button type="button" class="first" @click=${use}>${t$2("use_text")}</button>` : A}
      ${this.running ? b`<button type="button" @click=${() => this.again?.stop()}>${t$2("stop")}</button>` : b`<button type="button" @click=${this.rerun}>${t$2("rerun", { seed: next })}</button>`}
      ${this.opensWorkflow && entry.workflow ? b`<button type="button" @click=${this.openWorkflow}>${t$2("open_workflow")}</button>` : A}
      <button type="button" aria-pressed=${entry.pinned ? "true" : "false"} @click=${this.pin}>
        ${entry.pinned ? t$2("pinned") : t$2("pin")}
      </button>
      <button type="button" class="danger" @click=${remove}>${t$2("delete")}</button>
    </div>`;
	}
	renderAgain() {
		const label = this.seed === null ? "" : t$2("seed_is", { seed: this.seed });
		return b`<section aria-labelledby="again" ?hidden=${this.seed === null}>
      <h3 id="again">${label}</h3>
      <antiphon-answer class="again box" .api=${this.api} label=${label}></antiphon-answer>
    </section>`;
	}
	renderMessage(message) {
		const role = ROLES[message.role];
		return b`<div class="message box ${role ? message.role : ""}">
      <p class="quiet">${role ? t$2(role) : line(message.role)}</p>
      ${parts(message).map((part) => {
			const text = textOf(part);
			return text !== null ? b`<antiphon-text limit="4000" .text=${text}></antiphon-text>` : b`<antiphon-media .api=${this.api} .recording=${this.key ?? ""} .medium=${part}></antiphon-media>`;
		})}
    </div>`;
	}
	renderSettings(entry) {
		const settings = Object.entries(entry.config ?? {});
		const usage = Object.entries(entry.usage ?? {}).filter(([, value]) => value !== null && (typeof value !== "object" || Object.keys(value).length));
		return b`<section aria-labelledby="settings">
      <h3 id="settings">${t$2("settings")}</h3>
      ${settings.length ? table(t$2("settings"), settings) : b`<p class="quiet">${t$2("no_settings")}</p>`}
      ${usage.length ? b`<details><summary>${t$2("usage")}</summary>${table(t$2("usage"), usage)}</details>` : A}
    </section>`;
	}
	renderSent(entry) {
		const technical = [["key", entry.key ?? "–"], ["finish_reason", entry.finish_reason ?? "–"]];
		return b`<details>
      <summary>${t$2("technical")}</summary>
      ${table(t$2("technical"), technical)}
      ${entry.sent ? b`<h3>${t$2("sent")}</h3><antiphon-text limit="4000" .text=${pretty(entry.sent)}></antiphon-text>` : A}
    </details>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonEntry.prototype, "key", void 0);
__decorate([n$1({
	type: Boolean,
	attribute: "use-text"
})], AntiphonEntry.prototype, "usesText", void 0);
__decorate([n$1({
	type: Boolean,
	attribute: "open-workflow"
})], AntiphonEntry.prototype, "opensWorkflow", void 0);
__decorate([r$2()], AntiphonEntry.prototype, "entry", void 0);
__decorate([r$2()], AntiphonEntry.prototype, "problem", void 0);
__decorate([r$2()], AntiphonEntry.prototype, "seed", void 0);
__decorate([r$2()], AntiphonEntry.prototype, "running", void 0);
__decorate([e$3("antiphon-answer.again")], AntiphonEntry.prototype, "again", void 0);
__decorate([e$3("h2")], AntiphonEntry.prototype, "heading", void 0);
AntiphonEntry = __decorate([t$3("antiphon-entry")], AntiphonEntry);
function table(name, rows) {
	return b`<table>
    <caption class="unseen">${name}</caption>
    <tbody>
      ${rows.map(([name, value]) => b`<tr><th scope="row" class="foreign">${line(name)}</th><td class="foreign">${line(said$2(value))}</td></tr>`)}
    </tbody>
  </table>`;
}
/** The body that was sent, laid out where it is JSON. */
function pretty(sent) {
	if (typeof sent !== "string") return JSON.stringify(sent, null, 2);
	try {
		return JSON.stringify(JSON.parse(sent), null, 2);
	} catch {
		return sent;
	}
}
/** The next seed. */
function after$1(seed) {
	return String(BigInt(seed ?? -1) + 1n);
}
// node_modules/lit-html/directive.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$1 = {
	ATTRIBUTE: 1,
	CHILD: 2,
	PROPERTY: 3,
	BOOLEAN_ATTRIBUTE: 4,
	EVENT: 5,
	ELEMENT: 6
};
var e$1 = (t) => (...e) => ({
	_$litDirective$: t,
	values: e
});
var i$1 = class {
	constructor(t) {}
	get _$AU() {
		return this._$AM._$AU;
	}
	_$AT(t, e, i) {
		this._$Ct = t, this._$AM = e, this._$Ci = i;
	}
	_$AS(t, e) {
		return this.update(t, e);
	}
	update(t, e) {
		return this.render(...e);
	}
}, { I: t } = j$1, i = (o) => o, s = () => document.createComment(""), v = (o, n, e) => {
	/**
	* @license
	* Copyright 2020 Google LLC
	* SPDX-License-Identifier: BSD-3-Clause
	*/
	const l = o._$AA.parentNode, d = void 0 === n ? o._$AB : n._$AA;
	if (void 0 === e) e = new t(l.insertBefore(s(), d), l.insertBefore(s(), d), o, o.options);
	else {
		const t = e._$AB.nextSibling, n = e._$AM, c = n !== o;
		if (c) {
			let t;
			e._$AQ?.(o), e._$AM = o, void 0 !== e._$AP && (t = o._$AU) !== n._$AU && e._$AP(t);
		}
		if (t !== d || c) {
			let o = e._$AA;
			for (; o !== t;) {
				const t = i(o).nextSibling;
				i(l).insertBefore(o, d), o = t;
			}
		}
	}
	return e;
}, u$1 = (o, t, i = o) => (o._$AI(t, i), o), m = {}, p = (o, t = m) => o._$AH = t, M = (o) => o._$AH, h = (o) => {
	o._$AR(), o._$AA.remove();
};
// node_modules/lit-html/directives/repeat.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var u = (e, s, t) => {
	const r = /* @__PURE__ */ new Map();
	for (let l = s; l <= t; l++) r.set(e[l], l);
	return r;
};
var c = e$1(class extends i$1 {
	constructor(e) {
		if (super(e), e.type !== t$1.CHILD) throw Error("repeat() can only be used in text expressions");
	}
	dt(e, s, t) {
		let r;
		void 0 === t ? t = s : void 0 !== s && (r = s);
		const l = [], o = [];
		let i = 0;
		for (const s of e) l[i] = r ? r(s, i) : i, o[i] = t(s, i), i++;
		return {
			values: o,
			keys: l
		};
	}
	render(e, s, t) {
		return this.dt(e, s, t).values;
	}
	update(s, [t, r, c]) {
		const d = M(s), { values: p$3, keys: a } = this.dt(t, r, c);
		if (!Array.isArray(d)) return this.ut = a, p$3;
		const h$3 = this.ut ??= [], v$2 = [];
		let m, y, x = 0, j = d.length - 1, k = 0, w = p$3.length - 1;
		for (; x <= j && k <= w;) if (null === d[x]) x++;
		else if (null === d[j]) j--;
		else if (h$3[x] === a[k]) v$2[k] = u$1(d[x], p$3[k]), x++, k++;
		else if (h$3[j] === a[w]) v$2[w] = u$1(d[j], p$3[w]), j--, w--;
		else if (h$3[x] === a[w]) v$2[w] = u$1(d[x], p$3[w]), v(s, v$2[w + 1], d[x]), x++, w--;
		else if (h$3[j] === a[k]) v$2[k] = u$1(d[j], p$3[k]), v(s, d[x], d[j]), j--, k++;
		else if (void 0 === m && (m = u(a, k, w), y = u(h$3, x, j)), m.has(h$3[x])) if (m.has(h$3[j])) {
			const e = y.get(a[k]), t = void 0 !== e ? d[e] : null;
			if (null === t) {
				const e = v(s, d[x]);
				u$1(e, p$3[k]), v$2[k] = e;
			} else v$2[k] = u$1(t, p$3[k]), v(s, d[x], t), d[e] = null;
			k++;
		} else h(d[j]), j--;
		else h(d[x]), x++;
		for (; k <= w;) {
			const e = v(s, v$2[w + 1]);
			u$1(e, p$3[k]), v$2[k++] = e;
		}
		for (; x <= j;) {
			const e = d[x++];
			null !== e && h(e);
		}
		return this.ut = a, p(s, v$2), E;
	}
});
// src/components/totals.ts
var MEASURES = [
	"completions",
	"tokens",
	"cost"
];
var SPANS = [
	7,
	30,
	90
];
var HEIGHT$2 = 72;
var STEP = 10;
function measured(total, measure) {
	if (measure === "tokens") return total.input_tokens + total.output_tokens;
	return measure === "cost" ? total.cost ?? 0 : total.completions;
}
var AntiphonTotals = class AntiphonTotals extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.totals = null;
		this.problem = "";
		this.span = 30;
		this.measure = "completions";
		this.closed = false;
		this.measureChosen = (event) => {
			this.measure = event.target.value;
		};
		this.spanChosen = (event) => {
			this.span = Number(event.target.value);
			this.load();
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 8px;
      }

      svg {
        display: block;
        width: 100%;
        height: 72px;
        border-bottom: 1px solid var(--a-edge);
      }

      rect.fresh {
        fill: var(--a-accent);
      }

      .ends {
        display: flex;
        justify-content: space-between;
      }

      select {
        width: auto !important;
      }

      .models {
        display: grid;
        gap: 6px;
      }

      .model {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 12px;
      }

      svg.bar {
        grid-column: 1 / -1;
        height: 4px;
        border: 0;
      }

      .scroll {
        overflow-x: auto;
      }
    `];
	}
	firstUpdated() {
		this.load();
	}
	async load() {
		try {
			const totals = await this.api.totals(this.span);
			const days = [...totals.days].sort((a, b) => a.day.localeCompare(b.day));
			this.totals = {
				days,
				models: totals.models
			};
			this.problem = "";
		} catch (error) {
			this.problem = this.failed(error);
		}
	}
	say(value) {
		return this.measure === "cost" ? money(value) : number(value ?? 0);
	}
	render() {
		if (this.problem) return b`<p class="problem">${line(this.problem)}</p>`;
		return b`<div class="row">
        <h2 class="grow">${t$2("totals")}</h2>
        <select aria-label=${t$2("measure")} @change=${this.measureChosen}>
          ${MEASURES.map((measure) => b`<option value=${measure} ?selected=${measure === this.measure}>${t$2(`measure_${measure}`)}</option>`)}
        </select>
        <select aria-label=${t$2("span")} @change=${this.spanChosen}>
          ${SPANS.map((days) => b`<option value=${days} ?selected=${days === this.span}>${t$2("last_days", { n: days })}</option>`)}
        </select>
      </div>
      ${this.totals ? this.renderTotals(this.totals) : b`<p class="quiet">${t$2("loading")}</p>`}`;
	}
	renderTotals({ days, models }) {
		const sum = this.sum(days);
		return b`<p>${t$2(`sum_${this.measure}`, { n: this.say(sum) })}
        ${this.measure === "cost" ? this.renderUnpriced(days) : A}
        <span class="quiet">${t$2("sum_replayed", { n: days.reduce((n, day) => n + day.replayed, 0) })}</span></p>
      ${this.renderBars(days, sum)}
      <div class="ends quiet" aria-hidden="true">
        <span>${shortDay(days[0]?.day)}</span><span>${shortDay(days.at(-1)?.day)}</span>
      </div>
      ${this.renderModels(models)} ${this.renderTables(days, models)}`;
	}
	/** Null where there are completions but no cost is known. */
	sum(days) {
		if (this.measure === "cost" && days.every((day) => day.cost === null) && days.some((day) => day.completions)) return null;
		return days.reduce((sum, day) => sum + measured(day, this.measure), 0);
	}
	renderUnpriced(days) {
		const unpriced = days.reduce((n, day) => n + (day.unpriced ?? 0), 0);
		return unpriced ? b`<span class="quiet">${t$2("unpriced", { n: unpriced })}</span>` : A;
	}
	renderBars(days, sum) {
		const most = Math.max(...days.map((day) => measured(day, this.measure)), 0) || 1;
		const bars = days.map((day, at) => {
			const value = measured(day, this.measure);
			const height = value ? Math.max(2, value / most * 70) : 0;
			return w`<rect class="fresh" x=${at * STEP + 1} y=${HEIGHT$2 - height} width=${8} height=${height}>
        <title>${day.day}: ${this.say(value)}</title></rect>`;
		});
		return b`<svg role="img" aria-label=${t$2("chart_label", {
			n: days.length,
			what: t$2(`measure_${this.measure}`),
			sum: this.say(sum),
			most: this.say(most)
		})} viewBox="0 0 ${Math.max(days.length, 1) * STEP} ${HEIGHT$2}"
      preserveAspectRatio="none">${bars}</svg>`;
	}
	renderModels(models) {
		const sorted = [...models].sort((a, b) => measured(b, this.measure) - measured(a, this.measure)).slice(0, 5);
		const most = Math.max(...sorted.map((model) => measured(model, this.measure)), 0) || 1;
		return b`<ul class="models">
      ${sorted.map((model) => b`<li class="model">
          <span class="foreign">${line(`${model.provider} / ${model.model}`)}</span>
          <span class="quiet">${this.measure === "cost" ? money(model.cost) : number(measured(model, this.measure))}</span>
          <svg class="bar" aria-hidden="true" viewBox="0 0 100 4" preserveAspectRatio="none">
            <rect class="fresh" height="4" width=${measured(model, this.measure) / most * 100}></rect>
          </svg>
        </li>`)}
    </ul>`;
	}
	renderTables(days, models) {
		const busy = days.filter((day) => day.completions || day.replayed).reverse();
		return b`<details>
      <summary>${t$2("as_table")}</summary>
      <div class="scroll" tabindex="0" role="group" aria-label=${t$2("as_table")}>
        <table>
          <caption class="unseen">${t$2("by_day")}</caption>
          <thead><tr><th>${t$2("day")}</th>${headings()}</tr></thead>
          <tbody>${busy.map((day) => b`<tr><th scope="row">${day.day}</th>${cells(day)}</tr>`)}</tbody>
        </table>
        <table>
          <caption class="unseen">${t$2("by_model")}</caption>
          <thead><tr><th>${t$2("model")}</th>${headings()}</tr></thead>
          <tbody>
            ${models.map((model) => b`<tr><th scope="row" class="foreign">${line(`${model.provider} / ${model.model}`)}</th>${cells(model)}</tr>`)}
          </tbody>
        </table>
      </div>
    </details>`;
	}
};
__decorate([r$2()], AntiphonTotals.prototype, "totals", void 0);
__decorate([r$2()], AntiphonTotals.prototype, "problem", void 0);
__decorate([r$2()], AntiphonTotals.prototype, "span", void 0);
__decorate([r$2()], AntiphonTotals.prototype, "measure", void 0);
__decorate([n$1({ type: Boolean })], AntiphonTotals.prototype, "closed", void 0);
AntiphonTotals = __decorate([t$3("antiphon-totals")], AntiphonTotals);
function headings() {
	return b`<th class="n">${t$2("measure_completions")}</th><th class="n">${t$2("replayed")}</th>
    <th class="n">${t$2("measure_tokens")}</th><th class="n">${t$2("measure_cost")}</th>`;
}
function cells(total) {
	return b`<td class="n">${number(total.completions)}</td><td class="n">${number(total.replayed)}</td>
    <td class="n">${number(total.input_tokens + total.output_tokens)}</td><td class="n">${money(total.cost)}</td>`;
}
function shortDay(day) {
	if (!day) return "";
	return (/* @__PURE__ */ new Date(`${day}T12:00:00`)).toLocaleDateString(locale(), {
		month: "short",
		day: "numeric"
	});
}
// src/components/history.ts
var PAGE = 50;
var PATIENCE$1 = 250;
var SINCE = {
	any: 0,
	day: 1,
	week: 7,
	month: 30
};
var AntiphonHistory = class AntiphonHistory extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.providers = [];
		this.usesText = false;
		this.opensWorkflow = false;
		this.items = [];
		this.page = null;
		this.problem = "";
		this.loading = false;
		this.selected = /* @__PURE__ */ new Set();
		this.view = { name: "none" };
		this.totalsShown = false;
		this.current = 0;
		this.said = "";
		this.filter = {};
		this.since = "any";
		this.control = null;
		this.typing = 0;
		this.reading = 0;
		this.seen = {
			providers: /* @__PURE__ */ new Set(),
			models: /* @__PURE__ */ new Set()
		};
		this.watch = new IntersectionObserver((entries) => {
			if (entries.some((entry) => entry.isIntersecting)) this.more();
		});
		this.typed = (event) => this.search({ search: chosen(event) });
		this.sinceChosen = (event) => {
			this.since = chosen(event);
			const days = SINCE[this.since];
			const { since: _, ...rest } = this.filter;
			this.filter = days ? {
				...rest,
				since: Math.floor(Date.now() / 1e3) - days * 86400
			} : rest;
			this.load();
		};
		this.compare = () => {
			const [left, right] = this.items.filter((item) => this.selected.has(item.key)).map((item) => item.key);
			if (left && right) this.show({
				name: "compare",
				keys: [right, left]
			});
		};
		this.exported = async () => {
			try {
				const { blob, name } = await this.api.exported([...this.selected]);
				download(blob, name);
				this.said = t$2("exported", { n: this.selected.size });
			} catch (error) {
				this.problem = this.failed(error);
			}
		};
		this.back = () => {
			this.view = { name: "none" };
			this.totalsShown = false;
			this.focusRow(this.current);
		};
		this.keyed = (event) => {
			if (event.key !== "Escape" || event.defaultPrevented || this.view.name === "none") return;
			event.preventDefault();
			this.back();
		};
		this.moved = (event) => {
			const last = this.items.length - 1;
			const to = {
				ArrowDown: Math.min(last, this.current + 1),
				ArrowUp: Math.max(0, this.current - 1),
				Home: 0,
				End: last
			}[event.key];
			if (to === void 0) return;
			event.preventDefault();
			if (to === last) this.more();
			this.focusRow(to);
		};
		this.reran = () => {
			this.load();
			this.totals?.load();
		};
		this.pinned = (event) => {
			this.change(event.detail.key, { pinned: event.detail.pinned });
		};
		this.deleted = (event) => {
			event.stopPropagation();
			this.discard(event.detail.keys);
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: block;
        height: 100%;
        min-height: 0;
        container-type: inline-size;
        background: var(--a-bg);
      }

      .frame {
        display: grid;
        height: 100%;
        grid-template-columns: minmax(280px, 380px) minmax(0, 1fr);
        grid-template-rows: minmax(0, 1fr);
      }

      .list,
      .detail {
        min-height: 0;
        overflow: auto;
        padding: 12px;
      }

      .list {
        display: flex;
        flex-direction: column;
        gap: 10px;
        border-inline-end: 1px solid var(--a-line);
      }

      .detail {
        position: relative;
      }

      .detail > * + * {
        margin-top: 12px;
      }

      summary {
        margin-top: 6px;
      }

      .filters {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(120px, 1fr));
        gap: 8px;
        padding-top: 6px;
      }

      .filters .inline {
        grid-column: 1 / -1;
      }

      .chosen {
        position: sticky;
        top: -12px;
        z-index: 1;
        margin: 0 -12px;
        padding: 8px 12px;
        background: var(--a-raised);
        border-block: 1px solid var(--a-line);
      }

      li.item {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 4px 8px;
        align-items: start;
        padding: 6px 4px;
        border-bottom: 1px solid var(--a-line);
        content-visibility: auto;
        contain-intrinsic-block-size: auto 92px;
      }

      li.item.open {
        background: var(--a-chosen);
      }

      li.item input {
        margin: 7px 2px 0;
      }

      button.show {
        display: grid;
        gap: 2px;
        min-width: 0;
        padding: 2px 4px;
        border-color: transparent;
        background: none;
        text-align: start;
      }

      .prompt,
      .text {
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
        overflow-wrap: anywhere;
        unicode-bidi: isolate;
      }

      .prompt {
        font-weight: 600;
        -webkit-line-clamp: 1;
      }

      .meta {
        font-size: 0.8rem;
        color: var(--a-quiet);
        overflow-wrap: anywhere;
      }

      button.pin {
        min-width: 32px;
        padding: 4px;
      }

      button.pin svg {
        display: block;
        margin: auto;
        fill: none;
        stroke: currentColor;
        stroke-width: 1.5;
      }

      button.pin[aria-pressed="true"] svg {
        fill: currentColor;
      }

      .back {
        display: none;
      }

      .chart {
        padding-bottom: 12px;
      }

      @container (max-width: 719px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
        }

        .list {
          border: 0;
        }

        .frame:not([data-view="none"]) > .list,
        .frame[data-view="none"] > .detail {
          display: none;
        }

        .frame[data-view="none"][data-totals] > .list {
          display: none;
        }

        .frame[data-view="none"][data-totals] > .detail {
          display: block;
        }

        .back {
          display: inline-block;
        }
      }
    `];
	}
	connectedCallback() {
		super.connectedCallback();
		if (this.hasUpdated) this.watch.observe(this.sentinel);
	}
	disconnectedCallback() {
		super.disconnectedCallback();
		this.watch.disconnect();
		this.control?.abort();
		clearTimeout(this.typing);
		clearTimeout(this.reading);
	}
	firstUpdated() {
		this.watch.observe(this.sentinel);
		this.load();
	}
	/** Shows this recording. */
	open(key) {
		this.view = {
			name: "entry",
			key
		};
	}
	/** Asks for the first page anew; what is chosen stays chosen. */
	async load() {
		this.control?.abort();
		const control = new AbortController();
		const { signal } = control;
		this.control = control;
		this.loading = true;
		const reading = !this.page || this.page.indexing.done < this.page.indexing.total;
		try {
			const { items, ...page } = await this.api.history({
				...this.filter,
				limit: PAGE
			}, signal);
			if (reading) this.totals?.load();
			this.take(items);
			Object.assign(this, {
				items,
				page,
				problem: "",
				current: 0,
				said: this.counted(page, items.length)
			});
			this.list.scrollTop = 0;
			this.again(page, items.length);
		} catch (error) {
			if (signal.aborted) return;
			this.problem = this.failed(error);
		}
		this.loading = false;
	}
	/** Asks for the next page, if there is one. */
	async more() {
		const cursor = this.page?.next;
		if (!cursor || this.loading || !this.control) return;
		const { signal } = this.control;
		this.loading = true;
		try {
			const { items, ...page } = await this.api.history({
				...this.filter,
				limit: PAGE,
				cursor
			}, signal);
			this.take(items);
			const known = new Set(this.items.map((item) => item.key));
			this.items = [...this.items, ...items.filter((item) => !known.has(item.key))];
			this.page = page;
			this.problem = "";
		} catch (error) {
			if (signal.aborted) return;
			this.problem = this.failed(error);
		}
		this.loading = false;
		await this.updateComplete;
		this.watch.unobserve(this.sentinel);
		if (!this.problem) this.watch.observe(this.sentinel);
	}
	/** While the server still reads recordings into its index, the list is asked for again. */
	again(page, shown) {
		clearTimeout(this.reading);
		const { done, total } = page.indexing;
		if (done < total && (shown < PAGE || this.list.scrollTop < 10)) this.reading = window.setTimeout(() => void this.load(), 1e3);
	}
	take(items) {
		for (const { provider, model } of items) {
			this.seen.providers.add(provider);
			this.seen.models.add(model);
		}
	}
	counted(page, shown) {
		return shown ? t$2(page.more ? "found_at_least" : "found", { n: page.total }) : t$2("found_none");
	}
	search(change) {
		this.filter = {
			...this.filter,
			...change
		};
		clearTimeout(this.typing);
		this.typing = window.setTimeout(() => void this.load(), PATIENCE$1);
	}
	toggle(key) {
		const selected = new Set(this.selected);
		if (!selected.delete(key)) selected.add(key);
		this.selected = selected;
	}
	async pin(item) {
		const pinned = !item.pinned;
		this.change(item.key, { pinned });
		try {
			await this.api.pin(item.key, pinned);
		} catch (error) {
			this.change(item.key, { pinned: !pinned });
			this.problem = this.failed(error);
		}
	}
	change(key, change) {
		this.items = this.items.map((item) => item.key === key ? {
			...item,
			...change
		} : item);
	}
	/** Asks, says what is lost, and deletes. */
	async discard(keys) {
		const gone = this.items.filter((item) => keys.includes(item.key));
		const cost = gone.reduce((sum, item) => sum + (item.cost ?? 0), 0);
		if (!await this.confirm.ask({
			title: t$2("delete_title", { n: keys.length }),
			about: [
				t$2("delete_lost"),
				cost ? t$2("delete_cost", { cost: money(cost) }) : "",
				gone.some((item) => item.pinned) ? t$2("delete_pinned") : "",
				gone.some((item) => item.workflow) ? t$2("delete_workflow") : ""
			].filter(Boolean),
			yes: t$2("delete")
		})) return;
		try {
			await this.api.remove(keys);
		} catch (error) {
			this.problem = this.failed(error);
			return;
		}
		this.removed(new Set(keys));
	}
	removed(keys) {
		const at = this.items.findIndex((item) => keys.has(item.key));
		this.items = this.items.filter((item) => !keys.has(item.key));
		this.selected = new Set([...this.selected].filter((key) => !keys.has(key)));
		if (this.page) this.page = {
			...this.page,
			total: Math.max(0, this.page.total - keys.size)
		};
		this.said = t$2("deleted", { n: keys.size });
		const { view } = this;
		if ((view.name === "entry" ? [view.key] : view.name === "compare" ? view.keys : []).some((key) => keys.has(key))) this.view = { name: "none" };
		this.focusRow(Math.max(0, Math.min(at, this.items.length - 1)));
		this.totals?.load();
		if (!this.items.length) this.load();
	}
	show(view) {
		this.view = view;
		this.updateComplete.then(async () => {
			await this.entry?.updateComplete;
			this.shadowRoot?.querySelector(".detail")?.scrollTo(0, 0);
			if (this.narrow || view.name === "compare") this.shadowRoot?.querySelector(".detail h2")?.focus();
		});
	}
	get narrow() {
		return this.clientWidth < 720;
	}
	focusRow(at) {
		this.current = at;
		this.updateComplete.then(() => {
			((this.shadowRoot?.querySelectorAll("li.item"))?.[at]?.querySelector("button.show") ?? this.shadowRoot?.querySelector("input[type=search]"))?.focus();
		});
	}
	willUpdate(changed) {
		if (changed.has("items") && this.current >= this.items.length) this.current = 0;
	}
	render() {
		return b`<div
        class="frame"
        data-view=${this.view.name}
        ?data-totals=${this.totalsShown}
        @keydown=${this.keyed}
        @antiphon-pin=${this.pinned}
        @antiphon-delete=${this.deleted}
        @antiphon-rerun=${this.reran}
      >
        <section class="list" aria-label=${t$2("history")}>
          ${this.renderSearch()} ${this.renderChosen()}
          ${this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A}
          ${this.renderCount()} ${this.renderItems()}
          <div class="more">
            ${this.page?.next ? b`<button type="button" @click=${() => this.more()}>
                    ${this.loading ? t$2("loading") : t$2("more")}
                  </button>` : A}
          </div>
        </section>
        <section class="detail" aria-label=${t$2("details")}>${this.renderDetail()}</section>
      </div>
      <antiphon-confirm></antiphon-confirm>
      <span class="unseen" role="status">${this.said}</span>`;
	}
	renderSearch() {
		return b`<div role="search">
      <input
        type="search"
        aria-label=${t$2("search")}
        placeholder=${t$2("search")}
        autocomplete="off"
        @input=${this.typed}
      />
      <details>
        <summary class="quiet">${t$2("filters")}</summary>
        <div class="filters">
          <label>${t$2("provider")}
            <select @change=${(event) => this.search({ provider: chosen(event) })}>
              <option value="">${t$2("all")}</option>
              ${this.offered().map((name) => b`<option value=${name}>${line(name)}</option>`)}
            </select>
          </label>
          <label>${t$2("model")}
            <input list="models" autocomplete="off" @change=${(event) => this.search({ model: chosen(event).trim() })} />
            <datalist id="models">
              ${[...this.seen.models].sort().map((name) => b`<option value=${name}></option>`)}
            </datalist>
          </label>
          <label>${t$2("when")}
            <select @change=${this.sinceChosen}>
              ${Object.keys(SINCE).map((name) => b`<option value=${name} ?selected=${name === this.since}>${t$2(`since_${name}`)}</option>`)}
            </select>
          </label>
          <label class="inline">
            <input type="checkbox" @change=${(event) => this.search({ pinned: event.target.checked })} />
            ${t$2("pinned_only")}
          </label>
        </div>
      </details>
    </div>`;
	}
	offered() {
		return [.../* @__PURE__ */ new Set([...this.providers.map((provider) => provider.name), ...this.seen.providers])].sort();
	}
	renderChosen() {
		const n = this.selected.size;
		if (!n) return A;
		const clear = () => {
			this.selected = /* @__PURE__ */ new Set();
			this.focusRow(this.current);
		};
		return b`<div class="chosen row" role="group" aria-label=${t$2("selected", { n })}>
      <span class="quiet">${t$2("selected", { n })}</span>
      <button type="button" ?disabled=${n !== 2} title=${n === 2 ? "" : t$2("compare_two")} @click=${this.compare}>
        ${t$2("compare")}
      </button>
      <button type="button" @click=${this.exported}>${t$2("export")}</button>
      <button type="button" class="danger" @click=${() => this.discard([...this.selected])}>${t$2("delete")}</button>
      <button type="button" class="plain" @click=${clear}>${t$2("clear")}</button>
    </div>`;
	}
	renderCount() {
		if (!this.page) return this.problem ? A : b`<p class="quiet">${t$2("loading")}</p>`;
		const { done, total } = this.page.indexing;
		const totals = () => {
			this.totalsShown = true;
			this.view = { name: "none" };
		};
		return b`<div class="row">
        <p class="quiet grow">${this.counted(this.page, this.items.length)}</p>
        <button type="button" class="plain" @click=${totals}>${t$2("totals")}</button>
        <button type="button" class="plain" @click=${() => this.load()}>${t$2("refresh")}</button>
      </div>
      ${done < total ? b`<p class="quiet">${t$2("indexing", {
			done,
			total
		})}</p>` : A}`;
	}
	renderItems() {
		return b`<ul role="list" @keydown=${this.moved}>
      ${c(this.items, (item) => item.key, (item, at) => this.renderItem(item, at))}
    </ul>`;
	}
	renderItem(item, at) {
		const tab = at === this.current ? "0" : "-1";
		const name = line(item.prompt) || line(item.text) || item.key.slice(0, 8);
		const open = this.view.name === "entry" && this.view.key === item.key;
		const here = () => {
			this.current = at;
		};
		return b`<li class="item ${open ? "open" : ""}" @focusin=${here}>
      <input
        type="checkbox"
        tabindex=${tab}
        aria-label=${t$2("select", { name })}
        .checked=${this.selected.has(item.key)}
        @change=${() => this.toggle(item.key)}
      />
      <button
        type="button"
        class="show"
        tabindex=${tab}
        aria-current=${open ? "true" : "false"}
        @click=${() => this.show({
			name: "entry",
			key: item.key
		})}
      >
        <span class="prompt">${line(item.prompt) || "–"}</span>
        <span class="text">${line(item.text) || ended$1(item.finish_reason) || line(item.problem ?? "") || "–"}</span>
        <span class="meta">${metaOf(item).join(" · ")}</span>
      </button>
      <button
        type="button"
        class="pin plain"
        tabindex=${tab}
        aria-pressed=${item.pinned ? "true" : "false"}
        aria-label=${t$2("pin_name", { name })}
        title=${t$2("pin")}
        @click=${() => this.pin(item)}
      >
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 1.5l2 4.3 4.7.6-3.4 3.2.9 4.6L8 11.9l-4.2 2.3.9-4.6L1.3 6.4 6 5.8z" />
        </svg>
      </button>
    </li>`;
	}
	renderDetail() {
		const back = b`<button type="button" class="back" @click=${this.back}>← ${t$2("back")}</button>`;
		const { view } = this;
		if (view.name === "entry") return b`${back}<antiphon-entry
          .api=${this.api}
          .key=${view.key}
          ?use-text=${this.usesText}
          ?open-workflow=${this.opensWorkflow}
        ></antiphon-entry>`;
		if (view.name === "compare") return b`${back}
        <h2 tabindex="-1">${t$2("comparison")}</h2>
        <antiphon-compare .api=${this.api} .keys=${view.keys}></antiphon-compare>`;
		return b`${back}
      <antiphon-totals class="chart" .api=${this.api}></antiphon-totals>
      <p class="quiet">${t$2("choose_one")}</p>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonHistory.prototype, "providers", void 0);
__decorate([n$1({
	type: Boolean,
	attribute: "use-text"
})], AntiphonHistory.prototype, "usesText", void 0);
__decorate([n$1({
	type: Boolean,
	attribute: "open-workflow"
})], AntiphonHistory.prototype, "opensWorkflow", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "items", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "page", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "problem", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "loading", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "selected", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "view", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "totalsShown", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "current", void 0);
__decorate([r$2()], AntiphonHistory.prototype, "said", void 0);
__decorate([e$3("antiphon-confirm")], AntiphonHistory.prototype, "confirm", void 0);
__decorate([e$3("antiphon-totals")], AntiphonHistory.prototype, "totals", void 0);
__decorate([e$3("antiphon-entry")], AntiphonHistory.prototype, "entry", void 0);
__decorate([e$3(".list")], AntiphonHistory.prototype, "list", void 0);
__decorate([e$3(".more")], AntiphonHistory.prototype, "sentinel", void 0);
AntiphonHistory = __decorate([t$3("antiphon-history")], AntiphonHistory);
function metaOf(item) {
	return [
		line(item.model),
		item.seed === null ? "" : t$2("seed_is", { seed: item.seed }),
		item.output_tokens === null ? "" : t$2("tokens_out", { n: item.output_tokens }),
		item.cost === null ? "" : money(item.cost),
		moment(item.recorded_at),
		item.replayed ? t$2("replayed_times", { n: number(item.replayed) }) : "",
		item.media ? t$2("with_media", { n: item.media }) : ""
	].filter(Boolean);
}
function chosen(event) {
	return event.target.value;
}
// src/components/models.ts
var SHOWN$1 = 100;
var AntiphonModels = class AntiphonModels extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.provider = "";
		this.credential = "";
		this.baseUrl = "";
		this.value = "";
		this.label = "";
		this.usual = "";
		this.listed = null;
		this.open = false;
		this.active = -1;
		this.busy = false;
		this.problem = "";
		this.narrowed = false;
		this.control = null;
		this.refresh = async () => {
			if (!this.provider || this.busy) return;
			this.show();
			this.narrowed = false;
			await this.load(true);
			this.field.focus();
		};
		this.typed = () => {
			this.show();
			this.narrowed = true;
			this.active = -1;
			this.value = this.field.value;
			this.tell("antiphon-model", { model: this.value.trim() });
		};
		this.keyed = (event) => {
			const shown = Math.min(this.found.length, SHOWN$1);
			if (event.key === "ArrowDown" || event.key === "ArrowUp") {
				const step = event.key === "ArrowDown" ? 1 : this.active < 0 ? shown : shown - 1;
				if (this.open && shown) this.active = (this.active + step) % shown;
				this.show();
				this.updateComplete.then(() => this.shadowRoot?.querySelector(".active")?.scrollIntoView({ block: "nearest" }));
			} else if (event.key === "Enter" && this.open && this.active >= 0) this.choose(this.found[this.active].id);
			else if (event.key === "Escape" && this.open) this.open = false;
			else return;
			event.preventDefault();
			event.stopPropagation();
		};
		this.left = (event) => {
			const to = event.relatedTarget;
			if (!to || !this.shadowRoot?.contains(to)) this.open = false;
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 4px;
      }

      .row {
        flex-wrap: nowrap;
      }

      label {
        margin-bottom: 3px;
      }

      .row button {
        flex: none;
      }

      .picker {
        position: relative;
      }

      /* Over what follows: were it to push that down, closing it would move a button away from under a click. */
      .panel {
        position: absolute;
        z-index: 5;
        inset-inline: 0;
        top: calc(100% + 2px);
        box-shadow: 0 4px 14px rgb(0 0 0 / 30%);
        border: 1px solid var(--a-edge);
        border-radius: 6px;
        background: var(--a-bg);
      }

      .head {
        padding: 4px 8px;
        border-bottom: 1px solid var(--a-line);
      }

      [role="listbox"] {
        max-height: 280px;
        overflow: auto;
      }

      [role="option"] {
        display: grid;
        gap: 1px;
        padding: 5px 8px;
        cursor: pointer;
        overflow-wrap: anywhere;
      }

      [role="option"]:hover,
      [role="option"].active {
        background: var(--a-chosen);
      }

      [role="option"].active {
        box-shadow: inset 3px 0 var(--a-accent);
      }
    `];
	}
	willUpdate(changed) {
		if ([
			"provider",
			"credential",
			"baseUrl"
		].some((name) => changed.get(name) !== void 0)) {
			this.control?.abort();
			Object.assign(this, {
				listed: null,
				open: false,
				problem: "",
				busy: false
			});
		}
	}
	focus() {
		this.field.focus();
	}
	/** What is known, or with `refresh` what the provider says now. */
	async load(refresh) {
		if (!this.provider) return;
		this.control?.abort();
		const control = new AbortController();
		const { signal } = control;
		this.control = control;
		this.busy = true;
		try {
			const query = {
				provider: this.provider,
				credential: this.credential,
				base_url: this.baseUrl,
				refresh
			};
			const listed = await this.api.models(query, signal);
			if (!signal.aborted) Object.assign(this, {
				listed,
				problem: ""
			});
		} catch (error) {
			if (!signal.aborted) this.problem = this.failed(error);
		}
		if (!signal.aborted) this.busy = false;
	}
	show() {
		if (this.open) return;
		this.open = true;
		this.active = -1;
		this.narrowed = false;
		if (!this.listed && !this.busy) this.load(false);
	}
	get found() {
		const words = this.narrowed ? this.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
		return (this.listed?.models ?? []).filter((model) => {
			const text = `${model.id} ${model.name ?? ""} ${(model.abilities ?? []).join(" ")}`.toLowerCase();
			return words.every((word) => text.includes(word));
		});
	}
	choose(model) {
		this.value = model;
		this.open = false;
		this.tell("antiphon-model", { model });
	}
	render() {
		const name = this.label || t$2("model");
		return b`<div class="picker" @focusout=${this.left}>
      <label for="field">${name}</label>
      <div class="row">
        <input
          id="field"
          role="combobox"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          aria-expanded=${this.open ? "true" : "false"}
          aria-controls="list"
          aria-autocomplete="list"
          aria-activedescendant=${this.open && this.active >= 0 ? `o${this.active}` : A}
          placeholder=${line(this.usual) || t$2("model_any")}
          .value=${this.value}
          @input=${this.typed}
          @click=${this.show}
          @keydown=${this.keyed}
        />
        <button type="button" aria-disabled=${!this.provider || this.busy ? "true" : "false"} @click=${this.refresh}>
          ${this.busy ? t$2("loading") : t$2("refresh_models")}
        </button>
      </div>
      ${this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A}
      <div class="panel" ?hidden=${!this.open || !this.listed}>${this.renderList()}</div>
    </div>`;
	}
	renderList() {
		const { found, listed } = this;
		const age = !listed ? "" : listed.known_only ? t$2("models_known") : t$2("models_listed", { when: moment(listed.listed_at) });
		const hidden = found.length - SHOWN$1;
		return b`<p class="head quiet" role="status">
        ${found.length ? t$2("models_found", { n: found.length }) : t$2("models_none")} · ${age}
        ${hidden > 0 ? t$2("models_hidden", { n: hidden }) : ""}
      </p>
      <div role="listbox" id="list" aria-label=${t$2("models")} @mousedown=${(event) => event.preventDefault()}>
        ${found.slice(0, SHOWN$1).map((model, at) => this.renderModel(model, at))}
      </div>`;
	}
	renderModel(model, at) {
		const about = [
			model.context ? t$2("context", { n: model.context }) : "",
			model.price ? t$2("price", {
				input: money(model.price.input),
				output: money(model.price.output)
			}) : "",
			model.last_day ? t$2("last_day", { day: model.last_day }) : ""
		].filter(Boolean);
		const can = [...model.takes ?? [], ...model.abilities ?? []].filter((word) => word !== "text");
		return b`<div
      role="option"
      id="o${at}"
      class=${at === this.active ? "active" : ""}
      aria-selected=${at === this.active ? "true" : "false"}
      @click=${() => this.choose(model.id)}
    >
      <span class="foreign">${line(model.id)}${model.name && model.name !== model.id ? b` <span class="quiet">${line(model.name)}</span>` : A}</span>
      ${about.length ? b`<span class="quiet">${about.join(" · ")}</span>` : A}
      ${can.length ? b`<span class="quiet foreign">${line([...new Set(can)].join(", "))}</span>` : A}
    </div>`;
	}
};
__decorate([n$1()], AntiphonModels.prototype, "provider", void 0);
__decorate([n$1()], AntiphonModels.prototype, "credential", void 0);
__decorate([n$1({ attribute: "base-url" })], AntiphonModels.prototype, "baseUrl", void 0);
__decorate([n$1()], AntiphonModels.prototype, "value", void 0);
__decorate([n$1()], AntiphonModels.prototype, "label", void 0);
__decorate([n$1()], AntiphonModels.prototype, "usual", void 0);
__decorate([r$2()], AntiphonModels.prototype, "listed", void 0);
__decorate([r$2()], AntiphonModels.prototype, "open", void 0);
__decorate([r$2()], AntiphonModels.prototype, "active", void 0);
__decorate([r$2()], AntiphonModels.prototype, "busy", void 0);
__decorate([r$2()], AntiphonModels.prototype, "problem", void 0);
__decorate([r$2()], AntiphonModels.prototype, "narrowed", void 0);
__decorate([e$3("input")], AntiphonModels.prototype, "field", void 0);
AntiphonModels = __decorate([t$3("antiphon-models")], AntiphonModels);
// src/components/pair.ts
var AntiphonPair = class AntiphonPair extends AntiphonElement {
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: contents;
      }

      form,
      .wait {
        display: grid;
        gap: 12px;
        max-width: 26rem;
        margin: 0 auto;
        padding: 24px 16px;
        background: var(--a-bg);
      }

      input {
        font-family: var(--a-mono);
        font-size: 1.2rem !important;
        letter-spacing: 0.12em;
      }
    `];
	}
	constructor() {
		super();
		this.known = null;
		this.problem = "";
		this.busy = false;
		this.pair = async (event) => {
			event.preventDefault();
			const code = this.field?.value.trim() ?? "";
			if (!code || this.busy) return;
			this.busy = true;
			try {
				await this.api.pair(code);
				await this.check();
			} catch (error) {
				this.problem = this.failed(error);
				this.field?.select();
			} finally {
				this.busy = false;
			}
		};
		this.addEventListener("antiphon-denied", () => void this.check());
	}
	firstUpdated() {
		this.check();
	}
	/** Asks for the state anew. */
	async check() {
		this.busy = true;
		try {
			this.known = await this.api.state();
			this.problem = "";
			if (this.known.allowed) this.tell("antiphon-allowed", this.known);
		} catch (error) {
			this.known = null;
			this.problem = this.failed(error);
		} finally {
			this.busy = false;
		}
		await this.updateComplete;
		this.field?.focus();
	}
	render() {
		const problem = this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A;
		if (this.known?.allowed) return b`<slot></slot>`;
		if (!this.known) return b`<div class="wait">
        ${problem}
        ${this.problem ? b`<button type="button" @click=${() => this.check()}>${t$2("try_again")}</button>` : b`<p class="quiet" role="status">${t$2("loading")}</p>`}
      </div>`;
		return b`<form @submit=${this.pair}>
      <h2>${t$2("pair_title")}</h2>
      <p>${t$2("pair_why")}</p>
      <label>${t$2("pair_code")}
        <input autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required />
      </label>
      ${problem}
      <button class="first" aria-disabled=${this.busy ? "true" : "false"}>${t$2("pair_do")}</button>
    </form>`;
	}
};
__decorate([r$2()], AntiphonPair.prototype, "known", void 0);
__decorate([r$2()], AntiphonPair.prototype, "problem", void 0);
__decorate([r$2()], AntiphonPair.prototype, "busy", void 0);
__decorate([e$3("input")], AntiphonPair.prototype, "field", void 0);
AntiphonPair = __decorate([t$3("antiphon-pair")], AntiphonPair);
// src/components/playground.ts
var MOST$1 = 8;
/** Streams at a time: a browser opens six connections to a server, and one must be left for everything else. */
var AT_ONCE = 5;
var DRAFT = "antiphon.playground";
var EMPTY = {
	provider: "",
	model: "",
	credential: "",
	baseUrl: "",
	system: "",
	prompt: "",
	temperature: "",
	maxTokens: "",
	topP: "",
	reasoning: "",
	more: "",
	replay: "auto",
	seed: "1",
	count: "1"
};
/** The numbers, and where they may be: the server says the same, and has the last word. */
var NUMBERS = [
	{
		field: "temperature",
		name: "temperature",
		min: 0,
		max: 2,
		step: "any"
	},
	{
		field: "maxTokens",
		name: "max_tokens",
		min: 1,
		max: 1e6,
		step: "1"
	},
	{
		field: "topP",
		name: "top_p",
		min: 0,
		max: 1,
		step: "any"
	}
];
var AntiphonPlayground = class AntiphonPlayground extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.providers = [];
		this.draft = restored();
		this.credentials = [];
		this.seeds = [];
		this.running = 0;
		this.problem = "";
		this.said = "";
		this.stopped = false;
		this.busy = /* @__PURE__ */ new Set();
		this.submitted = async (event) => {
			event.preventDefault();
			if (this.running) return;
			let ask;
			try {
				ask = this.asked();
			} catch (error) {
				this.problem = this.failed(error);
				return;
			}
			this.problem = "";
			this.stopped = false;
			this.seeds = seedsOf(this.draft);
			await this.run(ask);
		};
		this.stop = () => {
			this.stopped = true;
			for (const answer of this.answers) answer.stop();
		};
		this.keyed = (event) => {
			if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
				event.preventDefault();
				this.form.requestSubmit();
			}
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: block;
        container-type: inline-size;
      }

      .frame {
        display: grid;
        grid-template-columns: minmax(280px, 380px) minmax(0, 1fr);
        gap: 20px;
        padding: 16px;
        align-items: start;
      }

      form {
        display: grid;
        gap: 10px;
      }

      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(110px, 1fr));
        gap: 10px;
        padding-top: 6px;
      }

      .wide {
        grid-column: 1 / -1;
      }

      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr));
        gap: 12px;
        align-items: start;
      }

      .column {
        display: grid;
        gap: 8px;
        padding: 10px 12px;
        border: 1px solid var(--a-line);
        border-radius: 8px;
        min-width: 0;
      }

      h2 {
        font-size: 0.95rem;
      }

      .mono {
        font-family: var(--a-mono);
        font-size: 0.85rem;
      }

      @container (max-width: 719px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
          padding: 12px;
        }
      }
    `];
	}
	connectedCallback() {
		super.connectedCallback();
		this.refresh();
	}
	/** Asks again which credentials there are. */
	async refresh() {
		try {
			this.credentials = await this.api.credentials();
		} catch (error) {
			this.problem = this.failed(error);
		}
	}
	/** Begins with this prompt. */
	use(prompt) {
		this.write({ prompt });
		this.updateComplete.then(() => this.promptField.focus());
	}
	write(change) {
		this.draft = {
			...this.draft,
			...change
		};
		try {
			sessionStorage.setItem(DRAFT, JSON.stringify(this.draft));
		} catch {}
	}
	get provider() {
		return this.providers.find(({ name }) => name === this.chosenProvider);
	}
	get chosenProvider() {
		const usual = this.providers.find((one) => one.keyless && one.default_model) ?? this.providers[0];
		return this.draft.provider || usual?.name || "";
	}
	/** The request without its seed; an Error says what is wrong in a field. */
	asked() {
		const { draft } = this;
		const settings = {
			...numbers(draft),
			...extra(draft.more)
		};
		if (draft.reasoning) settings.reasoning = draft.reasoning;
		const model = draft.model || this.provider?.default_model || "";
		return {
			prompt: draft.prompt,
			provider: this.chosenProvider,
			...model ? { model } : {},
			...draft.system ? { system: draft.system } : {},
			...draft.credential ? { credential: draft.credential } : {},
			...draft.baseUrl ? { base_url: draft.baseUrl } : {},
			...Object.keys(settings).length ? { settings } : {},
			...draft.replay !== "auto" ? { replay: draft.replay } : {}
		};
	}
	/** Asks for all seeds, some at a time. */
	async run(ask) {
		this.running = this.seeds.length;
		this.said = t$2("asking", { n: this.seeds.length });
		await this.updateComplete;
		for (const answer of this.answers) answer.begin();
		const waiting = [...this.seeds.entries()];
		const worker = async () => {
			for (let next = waiting.shift(); next && !this.stopped; next = waiting.shift()) await this.column(ask, ...next);
		};
		await Promise.all(Array.from({ length: AT_ONCE }, worker));
		this.running = 0;
		this.said = this.stopped ? t$2("answer_stopped") : t$2("all_done");
	}
	async column(ask, at, seed) {
		this.busy.add(at);
		this.requestUpdate();
		const completion = await this.answers[at]?.ask({
			...ask,
			seed
		});
		this.busy.delete(at);
		this.running = Math.max(0, this.running - 1);
		if (completion) this.tell("antiphon-completion", completion);
	}
	field(name) {
		return (event) => this.write({ [name]: event.target.value });
	}
	render() {
		return b`<div class="frame">
      ${this.renderForm()}
      <section aria-label=${t$2("answers")}>
        ${this.seeds.length ? b`<div class="columns">${this.seeds.map((seed, at) => this.renderColumn(seed, at))}</div>` : b`<p class="quiet">${t$2("playground_empty")}</p>`}
      </section>
      <span class="unseen" role="status">${this.said}</span>
    </div>`;
	}
	renderForm() {
		const { draft } = this;
		return b`<form @submit=${this.submitted} @keydown=${this.keyed}>
      <label>${t$2("provider")}
        <select @change=${(event) => this.write({
			provider: event.target.value,
			model: ""
		})}>
          ${this.providers.map(({ name, title }) => b`<option value=${name} ?selected=${name === this.chosenProvider}>${line(title)}</option>`)}
        </select>
      </label>
      <antiphon-models
        .api=${this.api}
        .provider=${this.chosenProvider}
        .credential=${draft.credential}
        .baseUrl=${draft.baseUrl}
        .value=${draft.model}
        .usual=${this.provider?.default_model ?? ""}
        @antiphon-model=${(event) => this.write({ model: event.detail.model })}
      ></antiphon-models>
      ${this.provider?.needs_base_url ? this.renderAddress() : A}
      <label>${t$2("prompt")}
        <textarea name="prompt" rows="6" required dir="auto" .value=${draft.prompt} @input=${this.field("prompt")}></textarea>
      </label>
      <details ?open=${Boolean(draft.system)}>
        <summary class="quiet">${t$2("role_system")}</summary>
        <textarea rows="3" dir="auto" aria-label=${t$2("role_system")} .value=${draft.system} @input=${this.field("system")}></textarea>
      </details>
      ${this.renderSettings()}
      <div class="fields">
        <label>${t$2("first_seed")}
          <input inputmode="numeric" pattern="[0-9]*" .value=${draft.seed} @input=${this.field("seed")} />
        </label>
        <label>${t$2("seeds")}
          <input type="number" min="1" max=${MOST$1} required .value=${draft.count} @input=${this.field("count")} />
        </label>
      </div>
      ${this.problem ? b`<p class="problem foreign" role="alert">${visible(this.problem)}</p>` : A}
      <div class="row">
        <button class="first" aria-disabled=${this.running ? "true" : "false"}>${t$2("ask")}</button>
        <button type="button" aria-disabled=${this.running ? "false" : "true"} @click=${this.stop}>${t$2("stop")}</button>
        <span class="quiet">${t$2("ask_keys")}</span>
      </div>
    </form>`;
	}
	/** Where to ask: in plain sight for providers that have no address of their own. */
	renderAddress() {
		const needed = this.provider?.needs_base_url ?? false;
		return b`<label class="wide">${needed ? t$2("address") : t$2("base_url")}
      <input
        type="url"
        placeholder="http://localhost:8080/v1"
        ?required=${needed}
        .value=${this.draft.baseUrl}
        @change=${this.field("baseUrl")}
      />
    </label>`;
	}
	renderSettings() {
		const { draft } = this;
		return b`<details>
      <summary class="quiet">${t$2("settings")}</summary>
      <div class="fields">
        ${NUMBERS.map(({ field, name, min, max, step }) => b`<label>${t$2(`setting_${name}`)}
            <input type="number" min=${min} max=${max} step=${step} .value=${draft[field]} @input=${this.field(field)} />
          </label>`)}
        <label>${t$2("reasoning")}
          <select @change=${this.field("reasoning")}>
            <option value="" ?selected=${!draft.reasoning}>–</option>
            ${[
			"off",
			"low",
			"medium",
			"high"
		].map((level) => b`<option value=${level} ?selected=${level === draft.reasoning}>${t$2(`reasoning_${level}`)}</option>`)}
          </select>
        </label>
        <label class="wide">${t$2("credential")}
          <select @change=${this.field("credential")}>
            <option value="" ?selected=${!draft.credential}>${t$2("credential_auto")}</option>
            ${this.credentials.map(({ name }) => b`<option value=${name} ?selected=${name === draft.credential}>${line(name)}</option>`)}
          </select>
        </label>
        ${this.provider?.needs_base_url ? A : this.renderAddress()}
        <label class="wide">${t$2("store")}
          <select @change=${this.field("replay")}>
            ${[
			"auto",
			"refresh",
			"only",
			"off"
		].map((mode) => b`<option value=${mode} ?selected=${mode === draft.replay}>${t$2(`replay_${mode}`)}</option>`)}
          </select>
        </label>
        <label class="wide">${t$2("more_settings")}
          <textarea class="mono" rows="3" spellcheck="false" placeholder='{"stop": ["END"]}' .value=${draft.more} @input=${this.field("more")}></textarea>
        </label>
      </div>
    </details>`;
	}
	renderColumn(seed, at) {
		const label = seed === null ? t$2("seed_none") : t$2("seed_is", { seed });
		const stop = () => this.answers[at]?.stop();
		return b`<section class="column" aria-label=${label}>
      <div class="row">
        <h2 class="grow">${label}</h2>
        ${this.busy.has(at) ? b`<button type="button" class="plain" aria-label=${t$2("stop_name", { name: label })} @click=${stop}>${t$2("stop")}</button>` : A}
      </div>
      <antiphon-answer .api=${this.api} label=${label}></antiphon-answer>
    </section>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonPlayground.prototype, "providers", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "draft", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "credentials", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "seeds", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "running", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "problem", void 0);
__decorate([r$2()], AntiphonPlayground.prototype, "said", void 0);
__decorate([e$3("textarea[name=prompt]")], AntiphonPlayground.prototype, "promptField", void 0);
__decorate([e$3("form")], AntiphonPlayground.prototype, "form", void 0);
__decorate([r$1("antiphon-answer")], AntiphonPlayground.prototype, "answers", void 0);
AntiphonPlayground = __decorate([t$3("antiphon-playground")], AntiphonPlayground);
function restored() {
	try {
		const kept = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
		return {
			...EMPTY,
			...kept
		};
	} catch {
		return EMPTY;
	}
}
function numbers(draft) {
	const given = NUMBERS.filter(({ field }) => draft[field].trim() !== "");
	return Object.fromEntries(given.map(({ field, name }) => [name, Number(draft[field])]));
}
/** The settings that were written as JSON. */
function extra(text) {
	if (!text.trim()) return {};
	let value;
	try {
		value = JSON.parse(text);
	} catch (error) {
		throw new Error(t$2("bad_json", { why: error.message }));
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(t$2("bad_json", { why: "{…}" }));
	return value;
}
/** The seeds that are asked for; one answer without a seed where none is given. */
function seedsOf({ seed, count }) {
	if (!seed.trim()) return [null];
	const first = BigInt(seed.trim());
	const n = Math.min(MOST$1, Math.max(1, Math.trunc(Number(count)) || 1));
	return Array.from({ length: n }, (_, at) => String(first + BigInt(at)));
}
// src/components/text.ts
/** Characters that are shown before "show all" is asked for. */
var SHOWN = 2e4;
/** Characters of a block: the browser lays out one block anew when text is appended to it, not all of them. */
var BLOCK = 4e3;
var PATIENT = 6e3;
var MOST = 8e3;
/** Characters that are appended in one frame when all of a long text is asked for. */
var FRAME = 2e4;
var AntiphonText = class AntiphonText extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.limit = SHOWN;
		this.hidden_ = 0;
		this.pieces = [];
		this.length = 0;
		this.whole = "";
		this.drawn = 0;
		this.all = false;
		this.frame = 0;
		this.showAll = () => {
			this.all = true;
			this.schedule();
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: block;
        contain: content;
      }

      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        tab-size: 4;
      }

      .text > div {
        unicode-bidi: plaintext;
        contain: content;
        content-visibility: auto;
        contain-intrinsic-block-size: auto 20em;
      }

      .text > div:last-child {
        content-visibility: visible;
      }
    `];
	}
	get text() {
		if (this.pieces.length) {
			this.whole += this.pieces.join("");
			this.pieces = [];
		}
		return this.whole;
	}
	set text(text) {
		if (text === this.text) return;
		this.whole = text;
		this.pieces = [];
		this.length = text.length;
		this.drawn = 0;
		this.all = false;
		this.shadowRoot?.querySelector(".text")?.replaceChildren();
		this.schedule();
	}
	/** More of the text. */
	add(piece) {
		if (!piece) return;
		this.pieces.push(piece);
		this.length += piece.length;
		this.schedule();
	}
	firstUpdated() {
		this.draw();
	}
	disconnectedCallback() {
		super.disconnectedCallback();
		cancelAnimationFrame(this.frame);
		this.frame = 0;
	}
	connectedCallback() {
		super.connectedCallback();
		if (this.hasUpdated) this.schedule();
	}
	schedule() {
		if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
	}
	draw() {
		cancelAnimationFrame(this.frame);
		this.frame = 0;
		const target = this.shadowRoot?.querySelector(".text");
		if (!target) return;
		const end = this.all ? this.length : Math.min(this.length, this.limit);
		const text = end > this.drawn ? this.text : "";
		const upTo = text ? cut(text, Math.min(end, this.drawn + FRAME)) : this.drawn;
		if (upTo > this.drawn) {
			put$2(target, visible(text.slice(this.drawn, upTo)));
			this.drawn = upTo;
			if (this.all && this.drawn < this.length) this.schedule();
		}
		this.hidden_ = this.all ? 0 : this.length - this.drawn;
	}
	render() {
		return b`<div class="text" part="text"></div>
      ${this.hidden_ > 0 ? b`<button type="button" @click=${this.showAll}>${t$2("show_all", { n: this.hidden_ })}</button>` : A}`;
	}
};
__decorate([n$1({ type: Number })], AntiphonText.prototype, "limit", void 0);
__decorate([r$2()], AntiphonText.prototype, "hidden_", void 0);
__decorate([n$1({ attribute: false })], AntiphonText.prototype, "text", null);
AntiphonText = __decorate([t$3("antiphon-text")], AntiphonText);
/** Appends to the last block, and begins new ones where it is full: best at a line's end, else at a space, and anywhere
* in a line without either. */
function put$2(target, text) {
	let rest = text;
	while (rest) {
		let block = target.lastElementChild;
		let node = block?.firstChild;
		if (!block || !node || full(node.data)) {
			block = document.createElement("div");
			node = document.createTextNode("");
			block.append(node);
			target.append(block);
		}
		const end = room(node.data.length, rest);
		node.appendData(rest.slice(0, end));
		rest = rest.slice(end);
	}
}
function full(data) {
	const { length } = data;
	const last = data[length - 1];
	return length >= BLOCK && last === "\n" || length >= PATIENT && last === " " || length >= 7999;
}
/** How much of `rest` still goes into a block that holds `used` characters. */
function room(used, rest) {
	const most = MOST - used;
	const newline = after(rest, "\n", BLOCK - used);
	if (newline && newline <= most) return newline;
	const space = after(rest, " ", PATIENT - used);
	if (space && space <= most) return space;
	return cut(rest, Math.min(most, rest.length)) || rest.length;
}
/** Behind the first `mark` that makes the piece at least `least` long; 0 where there is none. */
function after(text, mark, least) {
	return text.indexOf(mark, Math.max(0, least - 1)) + 1;
}
// src/comfyui/words.ts
/** The words of what is in the nodes and in ComfyUI's menus. The pages bring their own. */
var EN = {
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
	credentialsHint: "Keys are kept on the server, each for its own host, and are never sent back to this page.",
	history: "History of answers",
	historyCommand: "Show the history of answers",
	close: "Close",
	textUsed: "The text is now in {node}.",
	textCopied: "No text field was selected: the text is in the clipboard.",
	textNode: "The text is in a new node.",
	workflowOpened: "The workflow that made it is open.",
	failed: "That did not work: {error}"
};
var ZH = {
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
	failed: "操作失败：{error}"
};
function word(key, values = {}) {
	return (language() === "zh" ? ZH[key] : EN[key]).replace(/\{(\w+)\}/g, (whole, name) => {
		const value = values[name];
		return value === void 0 ? whole : typeof value === "number" ? value.toLocaleString(language()) : value;
	});
}
// src/comfyui/answer.ts
var AntiphonNodeAnswer = class AntiphonNodeAnswer extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.answers = [];
		this.waiting = false;
		this.copied = "";
		this.copy = async () => {
			const text = this.answers.map((answer) => answer.text).join("\n\n");
			this.copied = await toClipboard(text) ? word("copied") : word("notCopied");
			clearTimeout(this.forCopied);
			this.forCopied = setTimeout(() => {
				this.copied = "";
			}, 2500);
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        --a-bg: var(--comfy-input-bg, light-dark(#ffffff, #222222));
        --a-fg: var(--input-text, light-dark(#1c1c1e, #dddddd));
        display: flex;
        flex-direction: column;
        min-height: 120px;
        max-height: 100%;
        height: 100%;
        overflow: hidden;
        border-radius: 6px;
        background: var(--a-bg);
        color: var(--a-fg);
        font-size: 12px;
        text-align: start;
        cursor: default;
        user-select: text;
      }

      :host([hidden]) {
        display: none;
      }

      .all {
        flex: 1 1 auto;
        min-height: 0;
        overflow: auto;
        overscroll-behavior: contain;
        padding: 6px 8px;
      }

      section + section {
        margin-top: 8px;
        border-top: 1px solid var(--a-line);
        padding-top: 6px;
      }

      section h3 {
        color: var(--a-quiet);
        font-size: 11px;
      }

      details {
        margin-bottom: 4px;
        color: var(--a-quiet);
      }

      footer {
        flex: none;
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 2px 4px 2px 8px;
        border-top: 1px solid var(--a-line);
        color: var(--a-quiet);
        font-size: 11px;
      }

      footer > span {
        flex: 1 1 auto;
        min-width: 0;
        overflow-wrap: anywhere;
      }

      button {
        min-height: 24px;
        padding: 0 8px;
        font-size: 11px;
      }

      .facts,
      li {
        color: var(--a-quiet);
        font-size: 11px;
        overflow-wrap: anywhere;
        unicode-bidi: isolate;
      }

      .waiting antiphon-text {
        opacity: 0.6;
      }
    `];
	}
	/** Something came. */
	changed(answers) {
		this.answers = answers;
		this.requestUpdate();
	}
	updated() {
		const all = this.renderRoot.querySelector(".all");
		if (!all) return;
		const below = all.scrollHeight - all.scrollTop - all.clientHeight < 24;
		for (const answer of this.drawn) {
			const section = all.querySelector(`[data-item="${answer.item}"]`);
			brought(section?.querySelector("antiphon-text.words"), answer.text);
			brought(section?.querySelector("antiphon-text.thought"), answer.reasoning);
		}
		if (below && this.growing) requestAnimationFrame(() => requestAnimationFrame(() => all.scrollTo({ top: all.scrollHeight })));
	}
	get growing() {
		return this.answers.some(({ phase }) => phase === "growing");
	}
	get drawn() {
		return this.answers.slice(-50);
	}
	render() {
		const hidden = this.answers.length - this.drawn.length;
		const busy = this.growing || this.waiting;
		return b`
      <div class="all ${this.waiting ? "waiting" : ""}" role="region" aria-label=${word("answer")} aria-busy=${busy} tabindex="0"
        @wheel=${scrolled} @pointerdown=${kept$1} @keydown=${kept$1} @copy=${kept$1}>
        ${hidden > 0 ? b`<p class="quiet">${word("hidden", { n: hidden })}</p>` : A}
        ${this.drawn.map((answer) => this.one(answer))}
      </div>
      <footer @pointerdown=${kept$1}>
        <span role="status">${this.status}</span>
        <button type="button" @click=${this.copy} ?disabled=${this.answers.length === 0}>
          ${this.copied || word("copy")}
        </button>
      </footer>`;
	}
	one(answer) {
		const { reasoning, error, notes } = answer;
		const facts = this.answers.length > 1 ? said$1(answer.facts) : "";
		return b`<section data-item=${answer.item}>
      ${this.answers.length > 1 ? b`<h3>${word("answerN", { n: answer.item + 1 })}</h3>` : A}
      ${answer.phase === "interrupted" ? b`<p class="quiet">${word("interrupted")}</p>` : A}
      ${reasoning ? b`<details><summary>${word("reasoning", { n: reasoning.length })}</summary>
            <antiphon-text class="thought"></antiphon-text></details>` : A}
      <antiphon-text class="words"></antiphon-text>
      ${error ? b`<p class="problem" role="alert">${visible(error)}</p>` : A}
      ${answer.cut ? b`<p class="quiet">${word("cut")}</p>` : A}
      ${facts ? b`<p class="facts">${facts}</p>` : A}
      ${notes.length ? b`<ul>${notes.map((note) => b`<li>${visible(note)}</li>`)}</ul>` : A}
    </section>`;
	}
	get status() {
		if (this.waiting && !this.growing) return word("asking");
		if (this.growing) return word("growing");
		const [only, ...more] = this.answers;
		return only !== void 0 && more.length === 0 ? said$1(only.facts) : "";
	}
};
__decorate([n$1({ attribute: false })], AntiphonNodeAnswer.prototype, "answers", void 0);
__decorate([n$1({ type: Boolean })], AntiphonNodeAnswer.prototype, "waiting", void 0);
__decorate([r$2()], AntiphonNodeAnswer.prototype, "copied", void 0);
AntiphonNodeAnswer = __decorate([t$3("antiphon-node-answer")], AntiphonNodeAnswer);
/** Brings an element's text up to `text`: by what is new where it only grew. */
function brought(element, text) {
	if (!element) return;
	const there = lengths.get(element) ?? "";
	if (text.length > there.length && text.startsWith(there)) element.add(text.slice(there.length));
	else if (text !== there) element.text = text;
	lengths.set(element, text);
}
var lengths = /* @__PURE__ */ new WeakMap();
/** Tokens, cost, time and seed on one line. */
function said$1(facts) {
	const { input_tokens, output_tokens, cost_usd, seconds, seed, finish_reason } = facts;
	return [
		facts.model ? line(facts.model) : "",
		input_tokens !== void 0 && output_tokens !== void 0 ? word("tokens", {
			in: input_tokens,
			out: output_tokens
		}) : "",
		cost_usd ? money(cost_usd) : "",
		seconds !== void 0 ? word("seconds", { n: seconds }) : "",
		facts.replayed ? word("replayed") : "",
		seed !== void 0 ? word(SEEDS[facts.seed_status ?? ""] ?? "seedOther", { n: String(seed) }) : "",
		finish_reason && finish_reason !== "stop" ? word("ended", { reason: line(finish_reason) }) : ""
	].filter(Boolean).join(" · ");
}
var SEEDS = {
	sent: "seedSent",
	unsupported: "seedUnsupported"
};
/** Whether the text is in the clipboard now. */
async function toClipboard(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copiedByHand(text);
	}
}
/** Where the page is served over plain HTTP, browsers have no clipboard but this. */
function copiedByHand(text) {
	const field = document.createElement("textarea");
	field.value = text;
	field.style.cssText = "position:fixed;opacity:0";
	document.body.append(field);
	field.select();
	try {
		return document.execCommand("copy");
	} catch {
		return false;
	} finally {
		field.remove();
	}
}
/** The wheel turns the text where there is more of it, else the canvas. */
function scrolled(event) {
	const all = event.currentTarget;
	if (!event.ctrlKey && all.scrollHeight > all.clientHeight) event.stopPropagation();
}
/** What is done in here is no business of the canvas. */
function kept$1(event) {
	event.stopPropagation();
}
// src/comfyui/dialog.ts
var AntiphonDialog = class AntiphonDialog extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.heading = "";
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      dialog {
        width: min(46rem, calc(100vw - 32px));
        max-width: none;
        max-height: calc(100dvh - 48px);
        overflow: auto;
      }

      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 8px;
        margin-bottom: 10px;
      }
    `];
	}
	firstUpdated() {
		this.dialog.showModal();
	}
	close() {
		this.dialog.close();
	}
	render() {
		return b`<dialog aria-labelledby="heading" @close=${() => this.remove()}>
      <header>
        <h2 id="heading">${this.heading}</h2>
        <button type="button" @click=${() => this.close()}>${word("close")}</button>
      </header>
      <slot></slot>
    </dialog>`;
	}
};
__decorate([n$1()], AntiphonDialog.prototype, "heading", void 0);
__decorate([e$3("dialog")], AntiphonDialog.prototype, "dialog", void 0);
AntiphonDialog = __decorate([t$3("antiphon-dialog")], AntiphonDialog);
var TYPED = [
	"keydown",
	"keyup",
	"keypress",
	"paste",
	"copy",
	"cut"
];
/** Keeps what is typed in an element from ComfyUI, which takes letters for its shortcuts outside of its own fields. */
function quieted(element) {
	for (const name of TYPED) element.addEventListener(name, (event) => event.stopPropagation());
	return element;
}
/** Opens a window with this inside. */
function opened(heading, inside) {
	const dialog = quieted(new AntiphonDialog());
	dialog.heading = heading;
	dialog.append(inside);
	document.body.append(dialog);
	return dialog;
}
// src/comfyui/picker.ts
var AntiphonPicker = class AntiphonPicker extends AntiphonElement {
	constructor(..._args) {
		super(..._args);
		this.providers = [];
		this.provider = "";
		this.credential = "";
		this.baseUrl = "";
		this.value = "";
		this.chosen = (event) => {
			this.provider = event.target.value;
			this.credential = "";
			this.baseUrl = "";
		};
		this.named = (event) => {
			this.value = event.detail.model;
		};
	}
	static {
		this.styles = [AntiphonElement.styles, i$5`
      :host {
        display: grid;
        gap: 12px;
        min-height: min(480px, 70dvh);
        grid-template-rows: auto 1fr auto; /* the list opens over the room in between */
      }

      antiphon-models {
        align-self: start;
      }

      button {
        justify-self: end;
      }
    `];
	}
	render() {
		return b`<label>
        ${word("provider")}
        <select @change=${this.chosen}>
          <option value="" ?selected=${!this.provider}>–</option>
          ${this.providers.map(({ name, title }) => b`<option value=${name} ?selected=${name === this.provider}>${title || name}</option>`)}
        </select>
      </label>
      <antiphon-models
        .api=${this.api}
        .provider=${this.provider}
        .credential=${this.credential}
        .baseUrl=${this.baseUrl}
        .value=${this.value}
        .label=${word("model")}
        @antiphon-model=${this.named}
      ></antiphon-models>
      <button type="button" class="first" @click=${() => this.tell("antiphon-picked", { model: this.value })}>
        ${word("useModel")}
      </button>`;
	}
};
__decorate([n$1({ attribute: false })], AntiphonPicker.prototype, "providers", void 0);
__decorate([n$1()], AntiphonPicker.prototype, "provider", void 0);
__decorate([n$1()], AntiphonPicker.prototype, "credential", void 0);
__decorate([n$1()], AntiphonPicker.prototype, "baseUrl", void 0);
__decorate([n$1()], AntiphonPicker.prototype, "value", void 0);
AntiphonPicker = __decorate([t$3("antiphon-picker")], AntiphonPicker);
// src/comfyui/panels.ts
/** The shared pages inside of ComfyUI: keys in its settings, a model picker at its nodes, the history in its sidebar. */
var api = new Api(host);
function made(tag, properties = {}) {
	return Object.assign(document.createElement(tag), {
		api,
		...properties
	});
}
/** What `inside` makes of the server's state, once this browser may ask. */
function paired(inside) {
	const frame = quieted(made("antiphon-pair"));
	frame.addEventListener("antiphon-allowed", (event) => {
		const state = event.detail;
		if (frame.childElementCount === 0) frame.append(inside(state.providers ?? []));
	});
	return frame;
}
function manageKeys() {
	opened(word("credentials"), paired((providers) => made("antiphon-credentials", { providers })));
}
/** A row of ComfyUI's settings: a button, since there is not room for more. */
function keysSetting() {
	const button = document.createElement("button");
	button.type = "button";
	button.className = "p-button p-component p-button-secondary";
	button.textContent = word("credentialsOpen");
	button.addEventListener("click", manageKeys);
	return button;
}
var offered = /* @__PURE__ */ new WeakSet();
var told$1 = {
	models: {},
	apis: {},
	answering: []
};
function known$2(hello) {
	told$1 = hello;
	for (const node of everyNode()) offer(node);
}
/** Puts the button to choose a model into a node that has the widget for it. */
function offer(node) {
	const info = told$1.models[kind(node)];
	if (info === void 0 || typeof node.addWidget !== "function" || offered.has(node)) return;
	if (widgetOf(node, info.input) === void 0) return;
	const widget = node.addWidget("button", word("choose"), null, () => guarded("models", () => choose(node, info.input)), { serialize: false });
	widget.serialize = false;
	offered.add(node);
	const needed = node.computeSize?.()[1] ?? 0;
	if (needed > node.size[1]) node.setSize?.([node.size[0], needed]);
}
/** Opens the list of models, with free text, for the widget of this name. */
function choose(node, input) {
	const widget = widgetOf(node, input);
	if (widget === void 0) return;
	const dialog = opened(word("models"), paired((providers) => picker(node, widget, providers, () => {
		dialog.close();
	})));
}
function picker(node, widget, providers, done) {
	const form = made("antiphon-picker", {
		providers,
		...whose(node),
		value: String(widget.value ?? "")
	});
	form.addEventListener("antiphon-picked", (event) => {
		write(node, widget, event.detail.model);
		done();
	});
	return form;
}
/** Whose models are meant: by the node itself, or by the API node beside it at a node that asks. */
function whose(node) {
	const own = told$1.models[kind(node)]?.provider;
	if (own) return {
		provider: own,
		credential: "",
		baseUrl: ""
	};
	const asking = nodesOf(node.graph ?? root()).filter((other) => told$1.answering.includes(kind(other)));
	for (const other of asking) {
		if (wired(other, "config") !== node) continue;
		const source = wired(other, "api");
		const info = source && told$1.apis[kind(source)];
		if (source && info) return said(source, info);
	}
	return {
		provider: "",
		credential: "",
		baseUrl: ""
	};
}
function wired(node, name) {
	const slot = node.inputs?.findIndex((input) => input.name === name) ?? -1;
	return slot < 0 ? void 0 : node.getInputNode?.(slot);
}
function said(source, info) {
	const text = (name) => String(name && widgetOf(source, name)?.value || "").trim();
	const credential = text(info.credential);
	return {
		provider: info.provider ?? text(info.from),
		credential: credential.startsWith("credential:") ? credential.slice(11) : "",
		baseUrl: text(info.address)
	};
}
/** The tab in ComfyUI's sidebar. */
var tab = {
	id: "antiphon",
	icon: "pi pi-comments",
	title: "Antiphon",
	get tooltip() {
		return word("history");
	},
	type: "custom",
	render(place) {
		if (place.querySelector(":scope > antiphon-pair") !== null) return;
		place.replaceChildren(paired(history));
		place.style.height = "100%";
	},
	destroy: () => void 0
};
function history(providers) {
	const pages = made("antiphon-history", {
		providers,
		usesText: true,
		opensWorkflow: true
	});
	pages.addEventListener("antiphon-use-text", (event) => guarded("use the text", () => used(event.detail.text)));
	pages.addEventListener("antiphon-open-workflow", (event) => guarded("open the workflow", () => openedWorkflow(event.detail.workflow)));
	return pages;
}
/** Puts a text where it is wanted: into the node that is selected, else into a new one, else into the clipboard. */
async function used(text) {
	const selected = Object.values(app()?.canvas?.selected_nodes ?? {});
	for (const node of selected) {
		const widget = node.widgets?.find(holdsText);
		if (widget === void 0) continue;
		write(node, widget, text);
		return say("success", word("textUsed", { node: node.title ?? kind(node) }));
	}
	if (placed(text)) return say("success", word("textNode"));
	if (await toClipboard(text)) say("info", word("textCopied"));
}
function holdsText(widget) {
	const input = widget.inputEl ?? widget.element;
	return typeof widget.value === "string" && (widget.type === "customtext" || input instanceof HTMLTextAreaElement);
}
function placed(text) {
	const node = create("PrimitiveStringMultiline");
	const graph = app()?.canvas?.graph ?? app()?.graph;
	if (node === null || typeof graph?.add !== "function") return false;
	const { offset, scale } = app()?.canvas?.ds ?? {
		offset: [0, 0],
		scale: 1
	};
	node.pos = [innerWidth / 2 / scale - offset[0] - 150, innerHeight / 2 / scale - offset[1] - 80];
	graph.add(node);
	const widget = widgetOf(node, "value") ?? node.widgets?.[0];
	if (widget) write(node, widget, text);
	return widget !== void 0;
}
async function openedWorkflow(workflow) {
	await app()?.loadGraphData?.(workflow);
	say("success", word("workflowOpened"));
}
// src/comfyui/keys.ts
/** Keys that stand in widgets: seen in the page, hidden from view, moved to the key file in one click. */
var NAME$1 = "antiphon_key";
var HEIGHT$1 = 36;
var LOOK = 700;
var known$1 = {};
var AntiphonKey = class AntiphonKey extends i$2 {
	static {
		this.styles = [
			tokens$1,
			basics,
			i$5`
      :host {
        --a-bg: var(--comfy-input-bg, light-dark(#ffffff, #222222));
        --a-fg: var(--input-text, light-dark(#1c1c1e, #dddddd));
        display: flex;
        flex-direction: column;
        gap: 4px;
        min-height: 28px;
        color: var(--a-fg);
        font-size: 12px;
        overflow: auto;
      }

      button {
        min-height: 28px;
        line-height: 1.1;
      }

      .problem {
        background: var(--a-bg);
      }

      :host([hidden]) {
        display: none;
      }
    `
		];
	}
	constructor() {
		super();
		this.moving = false;
		this.problem = "";
		this.go = async () => {
			if (this.node === void 0) return;
			this.moving = true;
			this.problem = "";
			try {
				await moved(this.node);
			} catch (error) {
				this.problem = word("keyFailed", { error: error instanceof Error ? error.message : String(error) });
				if (error instanceof Error && error.name === "401") manageKeys();
			}
			this.moving = false;
		};
		new Translated(this);
	}
	render() {
		return b`<button type="button" class="first" title=${word("keyFound")} ?disabled=${this.moving} @click=${this.go}>
        ${this.moving ? word("keyMoving") : word("keyMove")}
      </button>
      ${this.problem ? b`<span class="problem" role="alert">${this.problem}</span>` : A}`;
	}
};
__decorate([r$2()], AntiphonKey.prototype, "moving", void 0);
__decorate([r$2()], AntiphonKey.prototype, "problem", void 0);
AntiphonKey = __decorate([t$3("antiphon-key")], AntiphonKey);
async function moved(node) {
	const info = known$1[kind(node)];
	if (info === void 0) return;
	const inputs = Object.fromEntries((node.widgets ?? []).map((widget) => [widget.name, String(widget.value ?? "")]));
	put$1(node, info, await move(kind(node), inputs));
}
/** Writes the name of a stored key into the first of the widgets, and empties the others. */
function put$1(node, info, reference) {
	if (widgetOf(node, info.inputs[0] ?? "")?.value === reference) return;
	for (const [index, name] of info.inputs.entries()) {
		const widget = widgetOf(node, name);
		if (widget) write(node, widget, index === 0 ? reference : "");
	}
	look(node);
	noticed();
	say("success", word("keyMoved", {
		node: node.title ?? kind(node),
		reference
	}));
}
/** The server has taken a key out of a prompt: the widget holds its name from now on. */
function told(detail) {
	const node = nodeAt(String(detail.node));
	const info = node && known$1[kind(node)];
	if (node && info && typeof detail.reference === "string") put$1(node, info, detail.reference);
}
var notices = /* @__PURE__ */ new WeakMap();
function holds(node, info) {
	const text = String(widgetOf(node, info.inputs[0] ?? "")?.value ?? "").trim();
	return new RegExp(info.pattern, "u").test(text);
}
/** Shows or takes away what is said about a key in this node. */
function look(node) {
	const info = known$1[kind(node)];
	if (info === void 0) return;
	const held = holds(node, info);
	for (const name of info.inputs) hide(widgetOf(node, name), held);
	if (drawnByVue()) veil(node, info, held);
	const notice = notices.get(node) ?? (held ? added$1(node) : void 0);
	if (notice === void 0 || notice.hidden === !held) return;
	notice.hidden = !held;
	if (held) grow(node, HEIGHT$1);
	else shrink(node, HEIGHT$1);
}
function added$1(node) {
	const notice = new AntiphonKey();
	notice.node = node;
	notice.hidden = true;
	if (addElement(node, NAME$1, notice, HEIGHT$1) === void 0) return void 0;
	notices.set(node, notice);
	return notice;
}
/** Called while a node is made: where it has to have the notice from the beginning, it gets it. */
function prepare$1(node) {
	if (drawnByVue() && known$1[kind(node)] !== void 0) added$1(node);
}
/** Draws dots for the text of a widget, on the canvas and in an input element. Its value stays what it is. */
function hide(widget, hidden) {
	if (widget === void 0) return;
	const input = widget.inputEl ?? widget.element;
	if (input instanceof HTMLInputElement) input.type = hidden ? "password" : "text";
	const options = widget.options;
	if (options && options.type === "password" !== hidden) {
		if (hidden) options.type = "password";
		else delete options.type;
	}
	if (!("_displayValue" in widget)) return;
	const own = Object.hasOwn(widget, "_displayValue");
	if (hidden && !own) Object.defineProperty(widget, "_displayValue", {
		configurable: true,
		get: () => "••••••••"
	});
	else if (!hidden && own) delete widget._displayValue;
}
/** The same for the fields that Vue has drawn: not all versions of the page make them fields for passwords when told. */
function veil(node, info, hidden) {
	const secrets = new Set(info.inputs.map((name) => widgetOf(node, name)?.value).filter(Boolean));
	const fields = document.querySelectorAll(`[data-node-id="${CSS.escape(String(node.id))}"] input`);
	for (const field of fields) {
		const dots = hidden && secrets.has(field.value) ? "disc" : "";
		field.style.setProperty("-webkit-text-security", dots);
	}
}
function lookAtAll() {
	if (document.hidden) return;
	for (const node of everyNode()) guarded("a key in a widget", () => look(node));
}
function watch(told_) {
	const first = Object.keys(known$1).length === 0;
	known$1 = told_.keys;
	if (first && Object.keys(known$1).length > 0) setInterval(lookAtAll, LOOK);
	lookAtAll();
}
function listen$1() {
	messages()?.addEventListener("antiphon.key_moved", (event) => guarded("a moved key", () => told(event.detail ?? {})));
}
// src/comfyui/answers.ts
/** Characters that are kept of one node for a reload, and of all together. */
var KEPT = 2e4;
var ALL = 1e6;
var PREFIX = "antiphon.answers:";
var LAST = "antiphon.last";
/** The workflow whose answers were kept last in this tab of the browser. */
function last(storage) {
	return storage?.getItem(LAST) ?? void 0;
}
function empty(item) {
	return {
		item,
		text: "",
		reasoning: "",
		phase: "growing",
		facts: {},
		notes: [],
		error: "",
		cut: false
	};
}
/** The answers of one workflow's nodes, by the id that the server knows them by. */
var Answers = class {
	constructor(graph, storage) {
		this.graph = graph;
		this.storage = storage;
		this.nodes = /* @__PURE__ */ new Map();
		this.load();
	}
	/** Takes what the server says. False where a piece is missing: then it has to be asked for all. */
	take(told, kind) {
		const known = this.nodes.get(told.node);
		const node = known?.prompt === told.prompt_id ? known : {
			prompt: told.prompt_id,
			kind,
			answers: []
		};
		this.nodes.set(told.node, node);
		return told.pieces.map((piece) => taken(node, piece)).every((fits) => fits);
	}
	/** Takes a node's output, as the server keeps it: it may be cut where we have all of it. */
	output(node, prompt, kind, pieces) {
		const known = this.nodes.get(node);
		const missing = pieces.filter((piece) => !has(known, piece));
		if (missing.length < pieces.length && known !== void 0) for (const piece of pieces) notes(known, piece);
		if (missing.length > 0) this.take({
			prompt_id: prompt,
			node,
			pieces
		}, kind);
	}
	/** Ends what still grows: for one node with what went wrong, for a whole prompt with an interrupt. */
	end(prompt, phase, node, error = "") {
		const ended = [];
		for (const [id, found] of this.nodes) {
			if (found.prompt !== prompt || node !== void 0 && node !== id) continue;
			const growing = found.answers.filter((answer) => answer.phase === "growing");
			for (const answer of growing) Object.assign(answer, {
				phase,
				error
			});
			if (growing.length > 0) ended.push(id);
		}
		return ended;
	}
	growing() {
		return [...this.nodes].filter(([, { answers }]) => answers.some(({ phase }) => phase === "growing"));
	}
	/** Keeps it for a reload of the page; the oldest go first where there is too much. */
	keep() {
		let room = ALL;
		const kept = [...this.nodes].reverse().flatMap(([id, node]) => {
			const small = {
				...node,
				answers: shortened(node.answers)
			};
			room -= small.answers.reduce((sum, answer) => sum + answer.text.length + answer.reasoning.length, 0);
			return room < 0 ? [] : [[id, small]];
		});
		try {
			if (kept.length === 0) return;
			this.storage?.setItem(PREFIX + this.graph, JSON.stringify(kept.reverse()));
			this.storage?.setItem(LAST, this.graph);
		} catch {}
	}
	load() {
		try {
			const kept = this.storage?.getItem(PREFIX + this.graph);
			for (const [id, node] of JSON.parse(kept ?? "[]")) this.nodes.set(id, node);
		} catch {}
	}
};
function taken(node, piece) {
	let answer = node.answers.find(({ item }) => item === piece.item);
	if (answer === void 0) {
		answer = empty(piece.item);
		node.answers.push(answer);
		node.answers.sort((one, other) => one.item - other.item);
	}
	if (piece.done || piece.whole) {
		Object.assign(answer, empty(piece.item), {
			text: piece.text ?? "",
			reasoning: piece.reasoning ?? "",
			facts: piece.facts ?? {},
			notes: piece.notes ?? [],
			error: piece.error ?? "",
			cut: piece.cut ?? false,
			phase: piece.error ? "failed" : piece.done ? "done" : "growing"
		});
		return true;
	}
	if (answer.phase !== "growing") return true;
	if (piece.at?.text !== answer.text.length || piece.at.reasoning !== answer.reasoning.length) return false;
	answer.text += piece.text ?? "";
	answer.reasoning += piece.reasoning ?? "";
	return true;
}
/** Whether this answer is there already, and whole. */
function has(node, piece) {
	const answer = node?.answers.find(({ item }) => item === piece.item);
	return answer?.phase === "done" && answer.facts.key !== void 0 && answer.facts.key === piece.facts?.key ? answer.text.startsWith(piece.text ?? "") && answer.facts.replayed === piece.facts.replayed : false;
}
/** What a node notes after its answer was there, about pictures for one. */
function notes(node, piece) {
	const answer = node.answers.find(({ item }) => item === piece.item);
	if (answer !== void 0 && piece.notes !== void 0 && piece.notes.length > answer.notes.length) answer.notes = piece.notes;
}
function shortened(answers) {
	const share = Math.max(200, Math.floor(KEPT / Math.max(1, answers.length)));
	return answers.map((answer) => ({
		...answer,
		text: answer.text.slice(0, share),
		reasoning: answer.reasoning.slice(0, share),
		cut: answer.cut || answer.text.length > share
	}));
}
// src/comfyui/live.ts
/** Answers in the nodes: from the server's events, from what it keeps, and from before a reload. */
var NAME = "antiphon_answer";
var HEIGHT = 150;
var widgets = /* @__PURE__ */ new WeakMap();
var stores = /* @__PURE__ */ new Map();
var asked = 0;
/** The answers of the workflow that is open. */
function current() {
	const id = workflow();
	let found = stores.get(id);
	if (found === void 0) {
		found = new Answers(id, storage());
		stores.set(id, found);
	}
	return found;
}
function storage() {
	return guarded("session storage", () => globalThis.sessionStorage);
}
function listen() {
	const api = messages();
	const on = (name, take) => api?.addEventListener(name, (event) => guarded(name, () => take(event.detail ?? {})));
	on("antiphon.answer", (detail) => answered(detail));
	on("executing", (detail) => waiting(nameOf(detail)));
	on("executed", (detail) => executed(detail));
	on("execution_error", (detail) => {
		ended(detail, "failed", String(detail.node_id), String(detail.exception_message ?? ""));
		ended(detail, "interrupted");
	});
	on("execution_interrupted", (detail) => ended(detail, "interrupted"));
	on("execution_success", (detail) => rested(String(detail.prompt_id)));
	on("reconnected", () => void recover());
	globalThis.addEventListener?.("pagehide", () => {
		for (const store of stores.values()) store.keep();
	});
}
/** What the page says of a node that begins: its id, in one of two shapes. */
function nameOf(detail) {
	const node = typeof detail === "object" && detail !== null ? detail.node : detail;
	return node === void 0 || node === null ? "" : String(node);
}
function answered(told) {
	const node = nodeAt(told.node);
	if (node === void 0) return;
	const whole = current().take(told, kind(node));
	noted(node, told.node);
	show(node, told.node);
	if (!whole && Date.now() - asked > 1e3) recover();
	if (told.pieces.some((piece) => piece.done)) current().keep();
}
/** Remembers what the node asked: by that it is known again in a workflow that was never saved. */
function noted(node, id) {
	const found = current().nodes.get(id);
	if (found !== void 0) found.asked ??= words$2(node);
}
function waiting(id) {
	const node = id ? nodeAt(id) : void 0;
	if (node === void 0 || !answers(node)) return;
	const element = shown(node, true);
	if (element) element.waiting = true;
}
function executed(detail) {
	const pieces = detail.output?.antiphon;
	const id = String(detail.display_node ?? detail.node);
	if (Array.isArray(pieces)) put(id, String(detail.prompt_id), pieces);
}
function put(id, prompt, pieces) {
	const node = nodeAt(id);
	if (node === void 0) return;
	current().output(id, prompt, kind(node), pieces);
	noted(node, id);
	show(node, id);
	current().keep();
}
function ended(detail, phase, node, error = "") {
	for (const id of current().end(String(detail.prompt_id), phase, node, error)) {
		const found = nodeAt(id);
		if (found) show(found, id);
	}
	if (phase === "failed" && node !== void 0) untold(node, String(detail.prompt_id), error);
	rested("");
	current().keep();
}
/** An error of a node that has told nothing yet: it failed before it asked. */
function untold(id, prompt, error) {
	const node = nodeAt(id);
	if (node === void 0 || !answers(node)) return;
	if (current().nodes.get(id)?.prompt === prompt) return;
	current().take({
		prompt_id: prompt,
		node: id,
		pieces: [{
			item: 0,
			done: true,
			error
		}]
	}, kind(node));
	show(node, id);
}
/** Nothing is asked any more. */
function rested(prompt) {
	for (const node of everyNode()) {
		const element = widgets.get(node);
		if (element) element.waiting = false;
	}
	if (prompt) settle(prompt);
}
/** What still grows when a prompt has ended has missed its end. */
async function settle(prompt) {
	if (current().growing().some(([, node]) => node.prompt === prompt)) await kept(prompt);
}
var classes = /* @__PURE__ */ new Set();
/** Whether this node is one of those that answer. */
function answers(node) {
	return classes.has(kind(node));
}
function known(told) {
	classes = new Set(told.answering);
}
/** Puts the answers that are known of this workflow into its nodes: after it was opened. */
function restore() {
	if (first && current().nodes.size === 0) adopt();
	first = false;
	for (const [id, found] of current().nodes) {
		const node = nodeAt(id);
		if (node !== void 0 && kind(node) === found.kind) show(node, id, false);
	}
	if (current().growing().length > 0) recover();
}
var first = true;
/** A workflow that was never saved may come back under another id. */
function adopt() {
	const before = last(storage());
	if (before === void 0 || before === workflow()) return;
	const kept = new Answers(before, storage()).nodes;
	if ([...kept].every(([id, { kind: was, asked: said }]) => {
		const node = nodeAt(id);
		return node !== void 0 && kind(node) === was && (said === void 0 || words$2(node) === said);
	})) for (const [id, node] of kept) current().nodes.set(id, node);
}
/** Asks the server for all that grows, and for how it ended where nothing grows any more. */
async function recover() {
	asked = Date.now();
	const growing = await hello();
	for (const told of growing?.answers ?? []) answered(told);
	const there = new Set(growing?.answers.map((told) => told.prompt_id));
	const lost = new Set(current().growing().map(([, node]) => node.prompt));
	for (const prompt of lost) if (!there.has(prompt)) await kept(prompt);
}
/** What ComfyUI keeps of a prompt: the outputs of its nodes. */
async function kept(prompt) {
	const reply = await host.fetch(`/history/${encodeURIComponent(prompt)}`);
	const found = reply.ok ? await reply.json() : {};
	if (found[prompt] === void 0) return;
	for (const [id, output] of Object.entries(found[prompt].outputs ?? {})) if (Array.isArray(output.antiphon)) put(id, prompt, output.antiphon);
	ended({ prompt_id: prompt }, "interrupted");
}
function show(node, id, more = true) {
	const element = shown(node, more);
	if (element === void 0) return;
	element.waiting = false;
	element.changed([...current().nodes.get(id)?.answers ?? []]);
}
/** The element in this node, seen from now on. A node that was saved with it has its height already. */
function shown(node, more) {
	const element = widgets.get(node) ?? added(node);
	if (element?.hidden) {
		element.hidden = false;
		guarded("the size of a node", () => grow(node, more ? HEIGHT : 0));
	}
	return element;
}
function added(node) {
	const element = new AntiphonNodeAnswer();
	element.hidden = true;
	if (guarded("the answer in a node", () => addElement(node, NAME, element, HEIGHT)) === void 0) return void 0;
	widgets.set(node, element);
	return element;
}
/** Called while a node is made: where it has to have the element from the beginning, it gets it. */
function prepare(node) {
	if (drawnByVue() && answers(node)) added(node);
}
// src/comfyui/seeds.ts
/** New nodes of ours keep their seed: some versions of the page take "fixed" for the widget's name, and randomize. */
/** Called while a node is made: a saved graph writes its own values over this afterwards. */
function hold(node) {
	if (!kind(node).startsWith("Antiphon")) return;
	const seed = node.widgets?.findIndex((widget) => widget.name === "seed") ?? -1;
	const control = seed < 0 ? void 0 : node.widgets?.[seed + 1];
	if (control !== void 0 && controls(control)) control.value = "fixed";
}
function controls(widget) {
	const values = widget.options?.values;
	return Array.isArray(values) && values.includes("randomize") && values.includes("fixed");
}
// src/comfyui.ts
var PATIENCE = 3e3;
var greeted;
/** Says hello once for each name that the server gives this page. */
async function greet(again = false) {
	const client = messages()?.clientId ?? "";
	if (client === greeted && !again) return;
	greeted = client;
	const told = await hello();
	if (told === void 0) return;
	known(told);
	watch(told);
	known$2(told);
}
function speak() {
	setLanguage(languageOf(String(setting("Comfy.Locale") ?? navigator.language)));
}
/** Where ComfyUI's page says that it is dark: in its body, and newer versions at the root. */
var dressed = () => [document.documentElement, document.body];
/** Has our elements be dark or light as ComfyUI's page is, whatever the system is. */
function dress() {
	const dark = dressed().some((element) => element.classList.contains("dark-theme"));
	document.documentElement.style.setProperty("--antiphon-scheme", dark ? "dark" : "light");
}
/** Awaited by the page before it makes nodes: they are ours to change from the beginning. */
async function begin() {
	guarded("language", speak);
	guarded("language", () => app()?.ui?.settings?.addEventListener?.("Comfy.Locale.change", () => setTimeout(speak)));
	guarded("theme", dress);
	guarded("theme", () => {
		const watch = new MutationObserver(dress);
		for (const element of dressed()) watch.observe(element, {
			attributes: true,
			attributeFilter: ["class"]
		});
	});
	guarded("answers", listen);
	guarded("keys", listen$1);
	guarded("hello", () => messages()?.addEventListener("status", () => guarded("hello", () => greet())));
	guarded("hello", () => messages()?.addEventListener("reconnected", () => guarded("hello", () => greet(true))));
	guarded("history", () => app()?.extensionManager?.registerSidebarTab?.(tab));
	await Promise.race([guarded("hello", () => greet()), new Promise((done) => setTimeout(done, PATIENCE))]);
}
guarded("language", speak);
app()?.registerExtension({
	name: "antiphon",
	setup: begin,
	settings: [{
		id: "Antiphon.Keys",
		category: [
			"Antiphon",
			word("credentials"),
			word("credentials")
		],
		name: word("credentials"),
		tooltip: word("credentialsHint"),
		type: keysSetting,
		defaultValue: ""
	}],
	commands: [{
		id: "Antiphon.ManageKeys",
		label: `Antiphon: ${word("credentialsOpen")}`,
		icon: "pi pi-key",
		function: manageKeys
	}],
	menuCommands: [{
		path: ["Extensions", "Antiphon"],
		commands: ["Antiphon.ManageKeys"]
	}],
	nodeCreated: (node) => {
		guarded("seed", () => hold(node));
		guarded("models", () => offer(node));
		guarded("answers", () => prepare(node));
		guarded("keys", () => prepare$1(node));
	},
	afterConfigureGraph: () => {
		setTimeout(() => guarded("answers", restore));
		guarded("keys", lookAtAll);
	}
});
