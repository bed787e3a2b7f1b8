'use strict';
'require dom';
'require netmond.common as netmond';
'require poll';
'require ui';
'require view';

// Seconds between two looks at the status.
const interval = 3;

function section(title, nodes) {
	return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ title ]) ].concat(nodes));
}

// closing says what becomes of stranded connections.
function closing(close) {
	switch (close.rung) {
	case 'sock_destroy':
		return _('by the kernel (SOCK_DESTROY)');
	case 'pidfd':
		return _('through their owners (pidfd_getfd)');
	}
	return _('not at all: %s').format(close.why || _('this kernel offers no way'));
}

function facts(status) {
	const closed = Object.keys(status.flows_closed || {}).filter((reason) => status.flows_closed[reason] > 0)
		.map((reason) => '%d × %s'.format(status.flows_closed[reason], netmond.reason(reason)));
	const list = [
		[ _('State'), status.state ],
		[ _('Version'), status.version + (status.tls ? '' : ' ' + _('(without TLS)')) ],
		[ _('Routing table'), _('%d routes, %d links').format(status.routes, status.links) ],
		[ _('Connections are closed'), status.close.mode == 'dry-run' ? _('not at all: dry run') : closing(status.close) ],
		[ _('Closed so far'), closed.length ? closed.join(', ') : _('none') ]
	];

	if (status.disagreements > 0)
		list.push([ _('Verdicts that the kernel did not share'), String(status.disagreements) ]);

	return E('table', { 'class': 'table' }, list.map((fact) => E('tr', { 'class': 'tr' }, [
		E('td', { 'class': 'td left', 'width': '33%' }, [ fact[0] ]),
		E('td', { 'class': 'td left' }, [ fact[1] ])
	])));
}

function content(status) {
	if (status == null)
		return [ E('div', { 'class': 'alert-message warning' }, [
			E('p', {}, [ _('netmond is not running.') + ' ' ]),
			E('a', { 'href': L.url('admin/services/netmond') }, [ _('Settings') ])
		]) ];

	return [
		section(_('Uplinks'), [ netmond.uplinks(status.uplinks || [], false) ]),
		section(_('Connections closed last'), [ netmond.recent(status.recent || []) ]),
		section(_('Daemon'), [ facts(status) ])
	];
}

return view.extend({
	load: function() {
		return netmond.status();
	},

	render: function(status) {
		const body = E('div', { 'id': 'netmond-status' }, content(status));
		const update = () => netmond.status().then((now) => dom.content(body, content(now)));

		poll.add(update, interval);

		return E('div', {}, [
			E('h2', {}, [ _('Uplinks and Portals') ]),
			body,
			E('div', { 'class': 'cbi-page-actions' }, [
				E('button', {
					'class': 'btn cbi-button cbi-button-action',
					'click': ui.createHandlerFn(this, () => netmond.check().then(update))
				}, [ _('Check for portals now') ])
			])
		]);
	},

	handleSaveApply: null,
	handleSave: null,
	handleReset: null
});
