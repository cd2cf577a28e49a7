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
var current = "en";
/** The language for a tag like `zh-CN`; English for all others. */
function languageOf(tag) {
	return tag?.toLowerCase().startsWith("zh") ? "zh" : "en";
}
/** Switches every component on the page. */
function setLanguage(next) {
	if (next === current) return;
	current = next;
	changed.dispatchEvent(new Event("change"));
}
/** The words of `key`, with `{name}` replaced by values. */
function t(key, values = {}) {
	return TABLES[current][key].replace(/\{(\w+)\}/g, (whole, name) => {
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
	return value.toLocaleString(current);
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
		return this.get(`history${asked({
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
		return this.get(`totals${asked({ days })}`, signal);
	}
	models(query, signal) {
		return this.get(`models${asked({
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
function asked(query) {
	const kept = Object.entries(query).filter(([, value]) => value !== void 0 && value !== "");
	const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
	return text && `?${text}`;
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
// \0@oxc-project+runtime@0.156.0/helpers/esm/decorate.js
function __decorate(decorators, target, key, desc) {
	var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
	if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
	else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
	return c > 3 && r && Object.defineProperty(target, key, r), r;
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
			put(target, visible(text.slice(this.drawn, upTo)));
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
function put(target, text) {
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
// src/components/app.ts
var AntiphonApp = class AntiphonApp extends AntiphonElement {
	render() {
		return b`<antiphon-text .text=${"Antiphon"}></antiphon-text>`;
	}
};
AntiphonApp = __decorate([t$1("antiphon-app")], AntiphonApp);
// src/ui.ts
setLanguage(languageOf(localStorage.getItem("antiphon.language") ?? navigator.language));
