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
/** Writes into a widget as the user would. */
function write(node, widget, value) {
	widget.value = value;
	widget.callback?.(value);
	node.setDirtyCanvas?.(true, true);
}
/** Adds an element to a node. It is in no saved graph and in no prompt. */
function addElement(node, name, element, height) {
	if (typeof node.addDOMWidget !== "function") return void 0;
	const options = {
		serialize: false,
		hideOnZoom: false,
		getValue: () => "",
		setValue: () => void 0,
		getMinHeight: height,
		margin: 6
	};
	const widget = node.addDOMWidget(name, name, element, options);
	widget.serialize = false;
	grow(node);
	return widget;
}
/** Takes a widget of ours out of a node again. */
function removeElement(node, widget) {
	const index = node.widgets?.indexOf(widget) ?? -1;
	if (index < 0) return;
	widget.onRemove?.();
	node.widgets?.splice(index, 1);
	node.setDirtyCanvas?.(true, true);
}
/** Makes a node as large as its widgets need, never smaller than it is. */
function grow(node) {
	const needed = node.computeSize?.();
	if (needed === void 0) return;
	const size = [Math.max(node.size[0], needed[0]), Math.max(node.size[1], needed[1])];
	if (size[0] !== node.size[0] || size[1] !== node.size[1]) node.setSize?.(size);
	node.setDirtyCanvas?.(true, true);
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
var t$3 = globalThis;
var e$2 = t$3.ShadowRoot && (void 0 === t$3.ShadyCSS || t$3.ShadyCSS.nativeShadow) && "adoptedStyleSheets" in Document.prototype && "replace" in CSSStyleSheet.prototype;
var s$2 = Symbol();
var o$4 = /* @__PURE__ */ new WeakMap();
var n$3 = class {
	constructor(t, e, o) {
		if (this._$cssResult$ = !0, o !== s$2) throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");
		this.cssText = t, this.t = e;
	}
	get styleSheet() {
		let t = this.o;
		const s = this.t;
		if (e$2 && void 0 === t) {
			const e = void 0 !== s && 1 === s.length;
			e && (t = o$4.get(s)), void 0 === t && ((this.o = t = new CSSStyleSheet()).replaceSync(this.cssText), e && o$4.set(s, t));
		}
		return t;
	}
	toString() {
		return this.cssText;
	}
};
var r$4 = (t) => new n$3("string" == typeof t ? t : t + "", void 0, s$2);
var i$3 = (t, ...e) => {
	return new n$3(1 === t.length ? t[0] : e.reduce((e, s, o) => e + ((t) => {
		if (!0 === t._$cssResult$) return t.cssText;
		if ("number" == typeof t) return t;
		throw Error("Value passed to 'css' function must be a 'css' function result: " + t + ". Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.");
	})(s) + t[o + 1], t[0]), t, s$2);
};
var S$1 = (s, o) => {
	if (e$2) s.adoptedStyleSheets = o.map((t) => t instanceof CSSStyleSheet ? t : t.styleSheet);
	else for (const e of o) {
		const o = document.createElement("style"), n = t$3.litNonce;
		void 0 !== n && o.setAttribute("nonce", n), o.textContent = e.cssText, s.appendChild(o);
	}
};
var c$2 = e$2 ? (t) => t : (t) => t instanceof CSSStyleSheet ? ((t) => {
	let e = "";
	for (const s of t.cssRules) e += s.cssText;
	return r$4(e);
})(t) : t;
// node_modules/@lit/reactive-element/reactive-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ var { is: i$2, defineProperty: e$1, getOwnPropertyDescriptor: h$1, getOwnPropertyNames: r$3, getOwnPropertySymbols: o$3, getPrototypeOf: n$2 } = Object, a$1 = globalThis, c$1 = a$1.trustedTypes, l$1 = c$1 ? c$1.emptyScript : "", p$1 = a$1.reactiveElementPolyfillSupport, d$1 = (t, s) => t, u$1 = {
	toAttribute(t, s) {
		switch (s) {
			case Boolean:
				t = t ? l$1 : null;
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
}, f$1 = (t, s) => !i$2(t, s), b$1 = {
	attribute: !0,
	type: String,
	converter: u$1,
	reflect: !1,
	useDefault: !1,
	hasChanged: f$1
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
			void 0 !== h && e$1(this.prototype, t, h);
		}
	}
	static getPropertyDescriptor(t, s, i) {
		const { get: e, set: r } = h$1(this.prototype, t) ?? {
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
		if (this.hasOwnProperty(d$1("elementProperties"))) return;
		const t = n$2(this);
		t.finalize(), void 0 !== t.l && (this.l = [...t.l]), this.elementProperties = new Map(t.elementProperties);
	}
	static finalize() {
		if (this.hasOwnProperty(d$1("finalized"))) return;
		if (this.finalized = !0, this._$Ei(), this.hasOwnProperty(d$1("properties"))) {
			const t = this.properties, s = [...r$3(t), ...o$3(t)];
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
			for (const s of e) i.unshift(c$2(s));
		} else void 0 !== s && i.push(c$2(s));
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
			const h = (void 0 !== i.converter?.toAttribute ? i.converter : u$1).toAttribute(s, i.type);
			this._$Em = t, null == h ? this.removeAttribute(e) : this.setAttribute(e, h), this._$Em = null;
		}
	}
	_$AK(t, s) {
		const i = this.constructor, e = i._$Eh.get(t);
		if (void 0 !== e && this._$Em !== e) {
			const t = i.getPropertyOptions(e), h = "function" == typeof t.converter ? { fromAttribute: t.converter } : void 0 !== t.converter?.fromAttribute ? t.converter : u$1;
			this._$Em = e;
			const r = h.fromAttribute(s, t.type);
			this[e] = r ?? this._$Ej?.get(e) ?? r, this._$Em = null;
		}
	}
	requestUpdate(t, s, i, e = !1, h) {
		if (void 0 !== t) {
			const r = this.constructor;
			if (!1 === e && (h = this[t]), i ??= r.getPropertyOptions(t), !((i.hasChanged ?? f$1)(h, s) || i.useDefault && i.reflect && h === this._$Ej?.get(t) && !this.hasAttribute(r._$Eu(t, i)))) return;
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
y$1.elementStyles = [], y$1.shadowRootOptions = { mode: "open" }, y$1[d$1("elementProperties")] = /* @__PURE__ */ new Map(), y$1[d$1("finalized")] = /* @__PURE__ */ new Map(), p$1?.({ ReactiveElement: y$1 }), (a$1.reactiveElementVersions ??= []).push("2.1.2");
// node_modules/lit-html/lit-html.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$2 = globalThis;
var i$1 = (t) => t;
var s$1 = t$2.trustedTypes;
var e = s$1 ? s$1.createPolicy("lit-html", { createHTML: (t) => t }) : void 0;
var h = "$lit$";
var o$2 = `lit$${Math.random().toFixed(9).slice(2)}$`;
var n$1 = "?" + o$2;
var r$2 = `<${n$1}>`;
var l = document;
var c = () => l.createComment("");
var a = (t) => null === t || "object" != typeof t && "function" != typeof t;
var u = Array.isArray;
var d = (t) => u(t) || "function" == typeof t?.[Symbol.iterator];
var f = "[ 	\n\f\r]";
var v = /<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g;
var _ = /-->/g;
var m = />/g;
var p = RegExp(`>|${f}(?:([^\\s"'>=/]+)(${f}*=${f}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`, "g");
var g = /'/g;
var $ = /"/g;
var y = /^(?:script|style|textarea|title)$/i;
var x = (t) => (i, ...s) => ({
	_$litType$: t,
	strings: i,
	values: s
});
var b = x(1);
var E = Symbol.for("lit-noChange");
var A = Symbol.for("lit-nothing");
var C = /* @__PURE__ */ new WeakMap();
var P = l.createTreeWalker(l, 129);
function V(t, i) {
	if (!u(t) || !t.hasOwnProperty("raw")) throw Error("invalid template strings array");
	return void 0 !== e ? e.createHTML(i) : i;
}
var N = (t, i) => {
	const s = t.length - 1, e = [];
	let n, l = 2 === i ? "<svg>" : 3 === i ? "<math>" : "", c = v;
	for (let i = 0; i < s; i++) {
		const s = t[i];
		let a, u, d = -1, f = 0;
		for (; f < s.length && (c.lastIndex = f, u = c.exec(s), null !== u);) f = c.lastIndex, c === v ? "!--" === u[1] ? c = _ : void 0 !== u[1] ? c = m : void 0 !== u[2] ? (y.test(u[2]) && (n = RegExp("</" + u[2], "g")), c = p) : void 0 !== u[3] && (c = p) : c === p ? ">" === u[0] ? (c = n ?? v, d = -1) : void 0 === u[1] ? d = -2 : (d = c.lastIndex - u[2].length, a = u[1], c = void 0 === u[3] ? p : "\"" === u[3] ? $ : g) : c === $ || c === g ? c = p : c === _ || c === m ? c = v : (c = p, n = void 0);
		const x = c === p && t[i + 1].startsWith("/>") ? " " : "";
		l += c === v ? s + r$2 : d >= 0 ? (e.push(a), s.slice(0, d) + h + s.slice(d) + o$2 + x) : s + o$2 + (-2 === d ? i : x);
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
				if (r.hasAttributes()) for (const t of r.getAttributeNames()) if (t.endsWith(h)) {
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
						r.textContent = s$1 ? s$1.emptyScript : "";
						for (let s = 0; s < i; s++) r.append(t[s], c()), P.nextNode(), d.push({
							type: 2,
							index: ++l
						});
						r.append(t[i], c());
					}
				}
			} else if (8 === r.nodeType) if (r.data === n$1) d.push({
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
		const s = l.createElement("template");
		return s.innerHTML = t, s;
	}
};
function M(t, i, s = t, e) {
	if (i === E) return i;
	let h = void 0 !== e ? s._$Co?.[e] : s._$Cl;
	const o = a(i) ? void 0 : i._$litDirective$;
	return h?.constructor !== o && (h?._$AO?.(!1), void 0 === o ? h = void 0 : (h = new o(t), h._$AT(t, s, e)), void 0 !== e ? (s._$Co ??= [])[e] = h : s._$Cl = h), void 0 !== h && (i = M(t, h._$AS(t, i.values), h, e)), i;
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
		const { el: { content: i }, parts: s } = this._$AD, e = (t?.creationScope ?? l).importNode(i, !0);
		P.currentNode = e;
		let h = P.nextNode(), o = 0, n = 0, r = s[0];
		for (; void 0 !== r;) {
			if (o === r.index) {
				let i;
				2 === r.type ? i = new k(h, h.nextSibling, this, t) : 1 === r.type ? i = new r.ctor(h, r.name, r.strings, this, t) : 6 === r.type && (i = new Z(h, this, t)), this._$AV.push(i), r = s[++n];
			}
			o !== r?.index && (h = P.nextNode(), o++);
		}
		return P.currentNode = l, e;
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
		t = M(this, t, i), a(t) ? t === A || null == t || "" === t ? (this._$AH !== A && this._$AR(), this._$AH = A) : t !== this._$AH && t !== E && this._(t) : void 0 !== t._$litType$ ? this.$(t) : void 0 !== t.nodeType ? this.T(t) : d(t) ? this.k(t) : this._(t);
	}
	O(t) {
		return this._$AA.parentNode.insertBefore(t, this._$AB);
	}
	T(t) {
		this._$AH !== t && (this._$AR(), this._$AH = this.O(t));
	}
	_(t) {
		this._$AH !== A && a(this._$AH) ? this._$AA.nextSibling.data = t : this.T(l.createTextNode(t)), this._$AH = t;
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
		u(this._$AH) || (this._$AH = [], this._$AR());
		const i = this._$AH;
		let s, e = 0;
		for (const h of t) e === i.length ? i.push(s = new k(this.O(c()), this.O(c()), this, this.options)) : s = i[e], s._$AI(h), e++;
		e < i.length && (this._$AR(s && s._$AB.nextSibling, e), i.length = e);
	}
	_$AR(t = this._$AA.nextSibling, s) {
		for (this._$AP?.(!1, !0, s); t !== this._$AB;) {
			const s = i$1(t).nextSibling;
			i$1(t).remove(), t = s;
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
		if (void 0 === h) t = M(this, t, i, 0), o = !a(t) || t !== this._$AH && t !== E, o && (this._$AH = t);
		else {
			const e = t;
			let n, r;
			for (t = h[0], n = 0; n < h.length - 1; n++) r = M(this, e[s + n], i, n), r === E && (r = this._$AH[n]), o ||= !a(r) || r !== this._$AH[n], r === A ? t = A : t !== A && (t += (r ?? "") + h[n + 1]), this._$AH[n] = r;
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
		if ((t = M(this, t, i, 0) ?? A) === E) return;
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
		M(this, t);
	}
};
var B = t$2.litHtmlPolyfillSupport;
B?.(S, k), (t$2.litHtmlVersions ??= []).push("3.3.3");
var D = (t, i, s) => {
	const e = s?.renderBefore ?? i;
	let h = e._$litPart$;
	if (void 0 === h) {
		const t = s?.renderBefore ?? null;
		e._$litPart$ = h = new k(i.insertBefore(c(), t), t, void 0, s ?? {});
	}
	return h._$AI(t), h;
};
// node_modules/lit-element/lit-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ var s = globalThis;
var i = class extends y$1 {
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
i._$litElement$ = !0, i["finalized"] = !0, s.litElementHydrateSupport?.({ LitElement: i });
var o$1 = s.litElementPolyfillSupport;
o$1?.({ LitElement: i });
(s.litElementVersions ??= []).push("4.2.2");
// node_modules/@lit/reactive-element/decorators/custom-element.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/
var t$1 = (t) => (e, o) => {
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
	converter: u$1,
	reflect: !1,
	hasChanged: f$1
};
var r$1 = (t = o, e, r) => {
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
function n(t) {
	return (e, o) => "object" == typeof o ? r$1(t, e, o) : ((t, e, o) => {
		const r = e.hasOwnProperty(o);
		return e.constructor.createProperty(o, t), r ? Object.getOwnPropertyDescriptor(e, o) : void 0;
	})(t, e, o);
}
// node_modules/@lit/reactive-element/decorators/state.js
/**
* @license
* Copyright 2017 Google LLC
* SPDX-License-Identifier: BSD-3-Clause
*/ function r(r) {
	return n({
		...r,
		state: !0,
		attribute: !1
	});
}
// src/i18n.ts
var TABLES = {
	en: {
		show_all: "Show all ({n} more characters)",
		unreachable: "The server does not answer. Is it still running?"
	},
	zh: {
		show_all: "显示全部（还有 {n} 个字符）",
		unreachable: "服务器没有响应，请确认它仍在运行。"
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
/** The words of `key`, with `{name}` replaced by values. */
function t(key, values = {}) {
	return TABLES[current$1][key].replace(/\{(\w+)\}/g, (whole, name) => {
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
function number(value) {
	return value.toLocaleString(current$1);
}
/** US dollars, with as many digits as a small sum needs; an unknown cost is a dash, never zero. */
function money(value) {
	if (value === null || value === void 0) return "–";
	const digits = value === 0 || Math.abs(value) >= 1 ? 2 : Math.min(8, 2 - Math.floor(Math.log10(Math.abs(value))));
	return `$${value.toLocaleString(current$1, {
		minimumFractionDigits: 2,
		maximumFractionDigits: digits
	})}`;
}
// src/theme.ts
/** Colours and shapes as CSS variables: ComfyUI's where its page sets them, else our own, light or dark.

`--antiphon-scheme: dark` (or `light`) on an ancestor decides where the host's theme is not the system's. The contrast of
our own pairs is AA (4.5 : 1 for words, 3 : 1 for edges of controls). */
var tokens = i$3`
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
var basics = i$3`
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

  button:hover:not(:disabled) {
    background: var(--a-chosen);
  }

  button:disabled {
    cursor: default;
    opacity: 0.55;
  }

  button.first {
    border-color: var(--a-accent);
    background: var(--a-accent);
    color: var(--a-on-accent);
  }

  button.first:hover:not(:disabled) {
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
	keyMove: "Move it to the key file",
	keyMoving: "Moving…",
	keyMoved: "The key of {node} is now in the key file. The widget holds only its name: {reference}",
	keyFailed: "The key could not be moved: {error}",
	choose: "Choose a model…",
	models: "Models",
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
	keyMove: "移到密钥文件",
	keyMoving: "正在移动…",
	keyMoved: "{node} 的密钥已移到密钥文件。控件中只保留其名称：{reference}",
	keyFailed: "无法移动密钥：{error}",
	choose: "选择模型…",
	models: "模型",
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
// \0@oxc-project+runtime@0.156.0/helpers/esm/decorate.js
function __decorate(decorators, target, key, desc) {
	var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
	if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
	else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
	return c > 3 && r && Object.defineProperty(target, key, r), r;
}
// src/comfyui/keys.ts
/** Keys that stand in widgets: seen in the page, hidden from view, moved to the key file in one click. */
var NAME$1 = "antiphon_key";
var LOOK = 700;
var known$1 = {};
var AntiphonKey = class AntiphonKey extends i {
	static {
		this.styles = [
			tokens,
			basics,
			i$3`
      :host {
        --a-bg: var(--comfy-input-bg, light-dark(#ffffff, #222222));
        --a-fg: var(--input-text, light-dark(#1c1c1e, #dddddd));
        display: flex;
        flex-direction: column;
        gap: 4px;
        padding: 6px 8px;
        border: 1px solid var(--a-edge);
        border-radius: 6px;
        background: var(--a-bg);
        color: var(--a-fg);
        font-size: 12px;
        overflow: auto;
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
				if (error instanceof Error && error.name === "401") this.dispatchEvent(new CustomEvent("antiphon-pair", {
					bubbles: true,
					composed: true
				}));
			}
			this.moving = false;
		};
		new Translated(this);
	}
	render() {
		return b`<span>${word("keyFound")}</span>
      <button type="button" class="first" ?disabled=${this.moving} @click=${this.go}>
        ${this.moving ? word("keyMoving") : word("keyMove")}
      </button>
      ${this.problem ? b`<span class="problem" role="alert">${this.problem}</span>` : A}`;
	}
};
__decorate([r()], AntiphonKey.prototype, "moving", void 0);
__decorate([r()], AntiphonKey.prototype, "problem", void 0);
AntiphonKey = __decorate([t$1("antiphon-key")], AntiphonKey);
async function moved(node) {
	const info = known$1[kind(node)];
	if (info === void 0) return;
	const inputs = Object.fromEntries((node.widgets ?? []).map((widget) => [widget.name, String(widget.value ?? "")]));
	put$2(node, info, await move(kind(node), inputs));
}
/** Writes the name of a stored key into the first of the widgets, and empties the others. */
function put$2(node, info, reference) {
	for (const [index, name] of info.inputs.entries()) {
		const widget = widgetOf(node, name);
		if (widget) write(node, widget, index === 0 ? reference : "");
	}
	look(node);
	say("success", word("keyMoved", {
		node: node.title ?? kind(node),
		reference
	}));
}
/** The server has taken a key out of a prompt: the widget holds its name from now on. */
function told$1(detail) {
	const node = nodeAt(String(detail.node));
	const info = node && known$1[kind(node)];
	if (node && info && typeof detail.reference === "string") put$2(node, info, detail.reference);
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
	const there = notices.get(node);
	if (held && there === void 0) {
		const element = new AntiphonKey();
		element.node = node;
		const widget = addElement(node, NAME$1, element, () => 84);
		if (widget) notices.set(node, widget);
	} else if (!held && there !== void 0) {
		removeElement(node, there);
		notices.delete(node);
	}
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
	messages()?.addEventListener("antiphon.key_moved", (event) => guarded("a moved key", () => told$1(event.detail ?? {})));
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
		const name = /filename="?([^";]+)"?/.exec(response.headers.get("content-disposition") ?? "")?.[1];
		return {
			blob: await response.blob(),
			name: name ?? "antiphon-recordings.zip"
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
		throw new ApiError(await told(response), response.status);
	}
};
/** The error that a reply holds, whatever it is. */
async function told(response) {
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
// src/components/base.ts
/** What every component has: the way to the server, the language, the look. */
var AntiphonElement = class extends i {
	static {
		this.styles = [tokens, basics];
	}
	constructor() {
		super();
		this.api = new Api();
		new Translated(this);
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
__decorate([n({ attribute: false })], AntiphonElement.prototype, "api", void 0);
// src/components/text.ts
/** Characters that are shown before "show all" is asked for. */
var SHOWN = 2e4;
/** Characters of a block: the browser lays out one block anew when text is appended to it, not all of them. */
var BLOCK = 4e3;
/** Characters that are appended in one frame when all of a long text is asked for. */
var FRAME = 1e5;
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
		this.styles = [AntiphonElement.styles, i$3`
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
			put$1(target, visible(text.slice(this.drawn, upTo)));
			this.drawn = upTo;
			if (this.all && this.drawn < this.length) this.schedule();
		}
		this.hidden_ = this.all ? 0 : this.length - this.drawn;
	}
	render() {
		return b`<div class="text" part="text"></div>
      ${this.hidden_ > 0 ? b`<button type="button" @click=${this.showAll}>${t("show_all", { n: this.hidden_ })}</button>` : A}`;
	}
};
__decorate([n({ type: Number })], AntiphonText.prototype, "limit", void 0);
__decorate([r()], AntiphonText.prototype, "hidden_", void 0);
__decorate([n({ attribute: false })], AntiphonText.prototype, "text", null);
AntiphonText = __decorate([t$1("antiphon-text")], AntiphonText);
/** Appends to the last block, and begins new ones where it is full: at a line's end, or anywhere in an endless line. */
function put$1(target, text) {
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
	return data.length >= 2 * BLOCK || data.length >= BLOCK && data.endsWith("\n");
}
/** How much of `rest` still goes into a block that holds `used` characters. */
function room(used, rest) {
	const newline = rest.indexOf("\n", Math.max(0, BLOCK - used - 1));
	const limit = 2 * BLOCK - used;
	return newline >= 0 && newline < limit ? newline + 1 : cut(rest, Math.max(limit, 1)) || rest.length;
}
// src/comfyui/answer.ts
var AntiphonAnswer = class AntiphonAnswer extends AntiphonElement {
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
		this.styles = [AntiphonElement.styles, i$3`
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

      :host([data-free]) {
        height: auto;
        max-height: 320px;
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
		const facts = this.answers.length > 1 ? said(answer.facts) : "";
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
		return only !== void 0 && more.length === 0 ? said(only.facts) : "";
	}
};
__decorate([n({ attribute: false })], AntiphonAnswer.prototype, "answers", void 0);
__decorate([n({ type: Boolean })], AntiphonAnswer.prototype, "waiting", void 0);
__decorate([r()], AntiphonAnswer.prototype, "copied", void 0);
AntiphonAnswer = __decorate([t$1("antiphon-answer")], AntiphonAnswer);
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
function said(facts) {
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
// src/comfyui/answers.ts
/** Characters that are kept of one node for a reload, and of all together. */
var KEPT = 2e4;
var ALL = 1e6;
var PREFIX = "antiphon.answers:";
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
			this.storage?.setItem(PREFIX + this.graph, JSON.stringify(kept.reverse()));
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
	const id = root()?.id ?? "";
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
	show(node, told.node);
	if (!whole && Date.now() - asked > 1e3) recover();
	if (told.pieces.some((piece) => piece.done)) current().keep();
}
function waiting(id) {
	const node = id ? nodeAt(id) : void 0;
	if (node === void 0 || !answers(node)) return;
	const element = shown(node);
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
	for (const [id, found] of current().nodes) {
		const node = nodeAt(id);
		if (node !== void 0 && kind(node) === found.kind) show(node, id);
	}
	if (current().growing().length > 0) recover();
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
function show(node, id) {
	const element = shown(node);
	if (element === void 0) return;
	element.waiting = false;
	element.changed([...current().nodes.get(id)?.answers ?? []]);
}
/** The element in this node, put there when it is first needed. */
function shown(node) {
	const there = widgets.get(node);
	if (there !== void 0) return there;
	const element = new AntiphonAnswer();
	if (guarded("the answer in a node", () => addElement(node, NAME, element, () => HEIGHT)) === void 0) return void 0;
	widgets.set(node, element);
	return element;
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
var greeted;
/** Says hello once for each name that the server gives this page. */
async function greet(again = false) {
	const client = messages()?.clientId;
	if (!client || client === greeted && !again) return;
	greeted = client;
	const told = await hello();
	if (told === void 0) return;
	known(told);
	watch(told);
}
function speak() {
	setLanguage(languageOf(String(setting("Comfy.Locale") ?? navigator.language)));
}
function begin() {
	guarded("language", speak);
	guarded("language", () => app()?.ui?.settings?.addEventListener?.("Comfy.Locale.change", () => setTimeout(speak)));
	guarded("answers", listen);
	guarded("keys", listen$1);
	guarded("hello", () => messages()?.addEventListener("status", () => guarded("hello", () => greet())));
	guarded("hello", () => messages()?.addEventListener("reconnected", () => guarded("hello", () => greet(true))));
	guarded("hello", () => greet());
}
app()?.registerExtension({
	name: "antiphon",
	setup: begin,
	nodeCreated: (node) => guarded("seed", () => hold(node)),
	afterConfigureGraph: () => {
		guarded("answers", restore);
		guarded("keys", lookAtAll);
	}
});
