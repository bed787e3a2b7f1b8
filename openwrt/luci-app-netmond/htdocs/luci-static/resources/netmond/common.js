'use strict';
'require baseclass';
'require rpc';

// What the views of netmond share. Much of what they show is a stranger's text: the
// portal's URL, what a probe was answered. All of it goes into the page as text
// nodes, for which E() wants its children in an array: a bare string would be
// taken for HTML.

const callStatus = rpc.declare({
	object: 'netmond',
	method: 'status',
	expect: { '': {} }
});

const callCheck = rpc.declare({
	object: 'netmond',
	method: 'check',
	params: [ 'dev' ],
	expect: { 'check': [] }
});

const reasons = {
	'no-route': _('No route leads to the peer any more'),
	'source-gone': _('The local address is gone'),
	'link-down': _('The link is down'),
	'gateway-gone': _('The gateway in use is gone'),
	'rerouted': _('A better route leads elsewhere')
};

// What was done to a connection, where it was not closed.
const acts = {
	'would-close': _('Not closed: %s'),
	'armed': _('Ends soon, unless its path comes back: %s'),
	'disarmed': _('Kept, its path is back: %s')
};

function titles(names) {
	return E('tr', { 'class': 'tr table-titles' }, names.map((name) => E('th', { 'class': 'th' }, [ name ])));
}

function row(names, cells) {
	return E('tr', { 'class': 'tr' }, cells.map((cell, i) =>
		E('td', { 'class': 'td', 'data-title': names[i] }, Array.isArray(cell) ? cell : [ cell ])));
}

return baseclass.extend({
	// status resolves to netmond's status, and to null where it does not run.
	status: function() {
		return L.resolveDefault(callStatus(), {}).then((status) => status && status.state ? status : null);
	},

	// check has every uplink checked for a portal now.
	check: function() {
		return callCheck('');
	},

	// link is a node for a URL from the network: a link where it is an http or https
	// one with a host and no user name in it, and plain text otherwise.
	link: function(text, label) {
		let url = null;

		try {
			url = new URL(text);
		}
		catch (e) {}

		if (url == null || (url.protocol != 'http:' && url.protocol != 'https:') || url.host == '' ||
		    url.username != '' || url.password != '')
			return document.createTextNode(text);

		return E('a', {
			'href': url.href,
			'target': '_blank',
			'rel': 'noopener noreferrer',
			'title': url.href
		}, [ label || url.href ]);
	},

	// internet is what is behind an uplink, as nodes and text.
	internet: function(uplink, short) {
		switch (uplink.cpd) {
		case 'OK':
			return [ uplink.partial ? _('Internet, but HTTPS fails') : _('Internet') ];
		case 'Captive':
			return uplink.url
				? [ _('Captive portal: '), this.link(uplink.url, short ? _('log in') : null) ]
				: [ _('Captive portal') ];
		case 'No internet':
			return [ uplink.reason && !short ? _('No Internet: %s').format(uplink.reason) : _('No Internet') ];
		}
		return [ _('Not known yet') ];
	},

	// uplinks is a table of the uplinks; a short one for the overview page.
	uplinks: function(uplinks, short) {
		const names = short
			? [ _('Uplink'), _('Gateway'), _('Internet') ]
			: [ _('Uplink'), _('Gateway'), _('Metric'), _('Carrier'), _('Internet') ];
		const rows = uplinks.map((u) => {
			const name = '%s (IPv%d)'.format(u.dev, u.family);
			const net = this.internet(u, short);
			return row(names, short
				? [ name, u.gateway || '-', net ]
				: [ name, u.gateway || '-', String(u.metric), u.carrier ? _('yes') : _('no'), net ]);
		});

		if (rows.length == 0)
			rows.push(E('tr', { 'class': 'tr placeholder' }, [
				E('td', { 'class': 'td', 'colspan': names.length }, [ E('em', {}, [ _('There is no default route.') ]) ])
			]));

		return E('table', { 'class': 'table' }, [ titles(names) ].concat(rows));
	},

	// recent is a table of the connections closed last.
	recent: function(flows) {
		const names = [ _('When'), _('Connection'), _('Why'), _('Route it took') ];
		const rows = flows.map((f) => row(names, [
			this.ago(f.age_ms),
			'%s %s → %s'.format(f.proto, f.local, f.remote),
			(Object.hasOwn(acts, f.act) ? acts[f.act] : '%s').format(this.reason(f.reason)),
			f.was || '-'
		]));

		if (rows.length == 0)
			rows.push(E('tr', { 'class': 'tr placeholder' }, [
				E('td', { 'class': 'td', 'colspan': names.length }, [ E('em', {}, [ _('None so far.') ]) ])
			]));

		return E('table', { 'class': 'table' }, [ titles(names) ].concat(rows));
	},

	// reason explains the reason of a close.
	reason: function(word) {
		return Object.hasOwn(reasons, word) ? reasons[word] : String(word);
	},

	ago: function(ms) {
		const s = Math.max(0, Math.round(ms / 1000));

		if (s < 60)
			return _('%d s ago').format(s);
		if (s < 3600)
			return _('%d min ago').format(Math.floor(s / 60));
		return _('%d h %d min ago').format(Math.floor(s / 3600), Math.floor(s / 60) % 60);
	}
});
