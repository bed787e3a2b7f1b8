'use strict';

// LuCI's own interfaces, as far as netmond's views use them, down to the border: what
// crosses it is JSON-RPC to /ubus, which the test answers. Where LuCI is dangerous,
// this is, too: E() takes a bare string for HTML.

String.prototype.format = function(...args) {
	let i = 0;
	return this.replace(/%(%|s|d)/g, (m, what) => what == '%' ? '%' : what == 'd' ? String(parseInt(args[i++])) : String(args[i++]));
};

const translated = new Set();

function _(text) {
	translated.add(text);
	return text;
}

const dom = {
	append(node, children) {
		if (Array.isArray(children)) {
			for (const child of children)
				if (child instanceof Node)
					node.appendChild(child);
				else if (child !== null && child !== undefined)
					node.appendChild(document.createTextNode(String(child)));
		}
		else if (typeof children == 'function')
			dom.append(node, children(node));
		else if (children instanceof Node)
			node.appendChild(children);
		else if (children !== null && children !== undefined)
			node.innerHTML = String(children);
	},

	content(node, children) {
		node.textContent = '';
		dom.append(node, children);
	},

	create(tag, attributes, children) {
		if (!(attributes instanceof Object) || Array.isArray(attributes) || attributes instanceof Node)
			[ children, attributes ] = [ attributes, null ];

		let node;
		if (Array.isArray(tag)) {
			node = document.createDocumentFragment();
			dom.append(node, tag);
		}
		else if (tag.charAt(0) == '<') {
			const t = document.createElement('template');
			t.innerHTML = tag;
			node = t.content.firstChild;
		}
		else
			node = document.createElement(tag);

		for (const [ key, v ] of Object.entries(attributes || {}))
			if (typeof v == 'function')
				node.addEventListener(key, v);
			else if (v !== null && v !== undefined)
				node.setAttribute(key, typeof v == 'object' ? JSON.stringify(v) : v);

		dom.append(node, children);
		return node;
	}
};

const E = dom.create;

class Base {
	static extend(properties) {
		const sub = class extends this {};
		Object.assign(sub.prototype, properties);
		return sub;
	}

	constructor() {
		if (this.__init__)
			this.__init__();
	}
}

class View extends Base {
	__init__() {
		this.done = Promise.resolve(this.load ? this.load() : null)
			.then((data) => this.render(data))
			.then((nodes) => dom.content(document.getElementById('view'), nodes));
	}
}

async function call(object, method, args) {
	const answer = await fetch('/ubus', {
		method: 'POST',
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params: [ '0'.repeat(32), object, method, args ] })
	});
	return (await answer.json()).result;
}

const rpc = {
	declare(options) {
		return async (...values) => {
			const args = {};
			(options.params || []).forEach((name, i) => { args[name] = values[i]; });
			const [ code, data ] = await call(options.object, options.method, args);
			const [ key, otherwise ] = Object.entries(options.expect || { '': {} })[0];

			if (code != 0)
				return otherwise;
			const value = key == '' ? data : (data || {})[key];
			return value === undefined || value === null || Array.isArray(value) != Array.isArray(otherwise) ? otherwise : value;
		};
	}
};

const poll = {
	queue: [],
	add(f, seconds) {
		poll.queue.push({ f, seconds });
	},
	// What LuCI does every few seconds, when the test says so.
	step() {
		return Promise.all(poll.queue.map((entry) => entry.f()));
	}
};

const fs = {
	async list(path) {
		const [ code, data ] = await call('file', 'list', { path });
		if (code != 0)
			throw new Error('file list: ' + code);
		return data.entries;
	}
};

const ui = {
	createHandlerFn(self, f, ...args) {
		return (event) => Promise.resolve(f.call(self, ...args, event));
	}
};

class Option {
	constructor(section, tab, name, title) {
		Object.assign(this, { section, tab, name, title, choices: [], rmempty: true });
	}

	value(word, title) {
		this.choices.push([ word, title || word ]);
	}

	get on() { return '1'; }
	get off() { return '0'; }

	input(current) {
		this.node = E('input', { 'data-name': this.name, 'type': 'text', 'placeholder': this.placeholder || '' });
		this.node.value = current || '';
		return this.node;
	}

	read() {
		return this.node.value;
	}

	check(value) {
		if (value && this.datatype == 'uinteger' && !/^[0-9]+$/.test(value))
			return 'uinteger';
		if (value && this.datatype == 'path' && value.charAt(0) != '/')
			return 'path';
		const verdict = this.validate ? this.validate(this.section.name, value) : true;
		return verdict === true ? null : verdict;
	}
}

class Flag extends Option {
	input(current) {
		this.node = E('input', { 'data-name': this.name, 'type': 'checkbox' });
		this.node.checked = (current || this.off) == this.on;
		return this.node;
	}

	read() {
		return this.node.checked ? this.on : this.rmempty ? '' : this.off;
	}
}

class ListValue extends Option {
	input(current) {
		this.node = E('select', { 'data-name': this.name },
			this.choices.map(([ word, title ]) => E('option', { 'value': word }, [ title ])));
		this.node.value = current || this.default;
		return this.node;
	}

	read() {
		return this.node.value == this.default ? '' : this.node.value;
	}
}

// A line for each value.
class DynamicList extends Option {
	input(current) {
		this.node = E('textarea', { 'data-name': this.name }, [ (current || []).join('\n') ]);
		return this.node;
	}

	read() {
		return this.node.value.split('\n').filter((line) => line != '');
	}

	check(value) {
		return value.map((v) => super.check(v)).find((error) => error) || null;
	}
}

class NamedSection {
	constructor(map, name, type) {
		Object.assign(this, { map, name, type, tabs: [], options: [] });
	}

	tab(name, title) {
		this.tabs.push(name);
	}

	taboption(tab, type, name, title) {
		if (!this.tabs.includes(tab))
			throw new Error('no tab ' + tab);
		return this.option(type, name, title, null, tab);
	}

	option(type, name, title, description, tab) {
		const o = new type(this, tab, name, title);
		this.options.push(o);
		return o;
	}
}

const form = {
	NamedSection, Flag, ListValue, DynamicList,
	Value: Option,
	Map: class {
		constructor(config, title, description) {
			Object.assign(this, { config, title, description, sections: [] });
			form.last = this;
		}

		section(type, ...args) {
			const s = new type(this, ...args);
			this.sections.push(s);
			return s;
		}

		async render() {
			const [ code, data ] = await call('uci', 'get', { config: this.config });
			this.loaded = code == 0 ? data.values : {};
			return E('form', {}, this.sections.map((s) => E('fieldset', {}, s.options.map((o) =>
				E('label', {}, [ o.title, o.input((this.loaded[s.name] || {})[o.name]) ])))));
		}

		// Returns what is wrong, by option, or saves what has changed.
		async save() {
			const errors = {};
			for (const s of this.sections)
				for (const o of s.options) {
					const error = o.check(o.read());
					if (error)
						errors[o.name] = error;
				}
			if (Object.keys(errors).length > 0)
				return errors;

			for (const s of this.sections) {
				const values = {}, gone = [], was = this.loaded[s.name] || {};
				for (const o of s.options) {
					const value = o.read();
					if (value.length == 0)
						was[o.name] !== undefined && gone.push(o.name);
					else if (JSON.stringify(value) != JSON.stringify(was[o.name]))
						values[o.name] = value;
				}
				if (Object.keys(values).length > 0)
					await call('uci', 'set', { config: this.config, section: s.name, values });
				if (gone.length > 0)
					await call('uci', 'delete', { config: this.config, section: s.name, options: gone });
			}
			return {};
		}
	}
};

const modules = {
	baseclass: { extend: (properties) => Base.extend(properties) },
	view: { extend: (properties) => View.extend(properties) },
	dom, form, fs, poll, rpc, ui
};

const L = {
	url: (...parts) => '/cgi-bin/luci/' + parts.join('/'),

	resolveDefault: (promise, otherwise) => Promise.resolve(promise).catch(() => otherwise),

	// A module is the body of a function, after its directives; it returns a class, of
	// which there is one instance.
	async require(name) {
		if (modules[name])
			return modules[name];

		const path = '/luci-static/resources/' + name.replace(/\./g, '/') + '.js';
		const answer = await fetch(path);
		if (!answer.ok)
			throw new Error(path + ': ' + answer.status);
		const source = await answer.text();

		const names = [ '_', 'E', 'L' ], values = [ _, E, L ];
		for (const m of source.matchAll(/^'require (\S+)(?: as (\w+))?';$/gm)) {
			values.push(await L.require(m[1]));
			names.push(m[2] || m[1].replace(/\W/g, '_'));
		}
		const module = Function(...names, source)(...values);
		return modules[name] = new module();
	}
};
