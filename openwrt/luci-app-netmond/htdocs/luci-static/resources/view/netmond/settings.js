'use strict';
'require form';
'require fs';
'require view';

// The options are the flags of `netmond run`, which checks them again when it reads
// them; what is checked here spares the operator the way to the log.

function duration(section_id, value) {
	return !value || value == '0' || /^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$/.test(value)
		? true : _('A duration such as 150ms, 3s or 5m');
}

function reasons(section_id, value) {
	const known = [ 'no-route', 'source-gone', 'link-down', 'gateway-gone', 'rerouted' ];

	return !value || value == 'all' || value == 'none' || value.split(',').every((word) => known.includes(word))
		? true : _('all, none, or a list of reasons: %s').format(known.join(', '));
}

function exclusion(section_id, value) {
	return !value || /^(tcp:[0-9]{1,5}|uid:[0-9]{1,10}|dev:[^\s\/]{1,15}|[0-9.]+(\/[0-9]{1,2})?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(\/[0-9]{1,3})?)$/.test(value)
		? true : _('A prefix such as 192.0.2.0/24, tcp:PORT, uid:NUMBER or dev:LINK');
}

function probe(section_id, value) {
	return !value || /^https?:\/\/[\x21-\x7e]+$/.test(value)
		? true : _('URL, and behind commas what is expected: status=204, body=TEXT');
}

function secure(section_id, value) {
	return !value || /^https:\/\/[\x21-\x7e]+$/.test(value) ? true : _('A URL that begins with https://');
}

// value adds an option with its properties, and with the values to choose from,
// each a word or a word and its title.
function value(section, tab, type, name, title, description, properties, choices) {
	const o = Object.assign(section.taboption(tab, type, name, title, description), properties);

	for (const choice of choices || [])
		o.value(...[].concat(choice));
}

return view.extend({
	load: function() {
		return L.resolveDefault(fs.list('/sys/class/leds'), []);
	},

	render: function(leds) {
		const m = new form.Map('netmond', _('netmond'),
			_('Closes the connections of this device whose path has died, checks uplinks for captive portals, and tells every process.'));
		const s = m.section(form.NamedSection, 'main', 'netmond');

		s.tab('general', _('General'));
		s.tab('closing', _('Closing'));
		s.tab('probes', _('Portals'));
		s.tab('device', _('Device'));

		value(s, 'general', form.Flag, 'enabled', _('Enabled'), null, { rmempty: false });
		value(s, 'general', form.Flag, 'dry_run', _('Dry run'),
			_('Decide and tell, but close nothing.'));
		value(s, 'general', form.ListValue, 'log_level', _('Log level'), null,
			{ default: 'info' }, [ 'debug', 'info', 'warn', 'error' ]);
		value(s, 'general', form.ListValue, 'log_format', _('Log format'), null,
			{ default: 'text' }, [ 'text', 'json' ]);

		value(s, 'closing', form.Value, 'close', _('Reasons to close'),
			_('all, none, or a list of reasons, separated by commas.'),
			{ placeholder: 'all', validate: reasons });
		value(s, 'closing', form.DynamicList, 'exclude', _('Leave alone'),
			_('Connections whose peer or local address is in a prefix, or tcp:PORT of either side, uid:NUMBER of the owner, dev:LINK they leave by.'),
			{ placeholder: '192.0.2.0/24', validate: exclusion });
		value(s, 'closing', form.Flag, 'gentle', _('Gentle'),
			_('Instead of closing, have the kernel give up on a stranded connection soon, unless its path comes back.'));
		value(s, 'closing', form.Value, 'close_rate', _('Closes a second'),
			_('At most; the rest follow. 0 has no limit.'), { placeholder: '0', datatype: 'uinteger' });
		value(s, 'closing', form.Value, 'settle', _('Settle time'),
			_('How long a change must stand before connections are judged.'),
			{ placeholder: '150ms', validate: duration });
		value(s, 'closing', form.Value, 'carrier_grace', _('Grace for carrier'),
			_('How long the carrier may be lost before the link counts as down.'),
			{ placeholder: '3s', validate: duration });
		value(s, 'closing', form.ListValue, 'conntrack', _('Forwarded connections'),
			_('Whether those are ended whose translation has died.'),
			{ default: 'auto' }, [ [ 'auto', _('where the kernel offers it') ], [ 'off', _('never') ] ]);

		value(s, 'probes', form.DynamicList, 'probe', _('Probes'),
			_('URLs to check for portals with, tried in order. None: those that Android uses.'),
			{ placeholder: 'http://probe.example.net/generate_204,status=204', validate: probe });
		value(s, 'probes', form.Value, 'probe_timeout', _('Time for one probe'), null,
			{ placeholder: '3s', validate: duration });
		value(s, 'probes', form.Value, 'probe_interval', _('Time between checks'), null,
			{ placeholder: '5m', validate: duration });
		value(s, 'probes', form.Value, 'capport', _('Captive portal API'),
			_('Its URL (RFC 8910), where no lease offers one.'), { validate: secure });

		value(s, 'device', form.Value, 'led', _('LED'),
			_('Off while offline, blinking before a portal, on while online.'),
			null, leds.map((led) => led.name));
		value(s, 'device', form.Value, 'hooks', _('Hook scripts'), null,
			{ placeholder: '/etc/netmond/hooks.d', datatype: 'path' });
		value(s, 'device', form.Value, 'metrics', _('Metrics file'),
			_('Rewritten every 15 s in the format of Prometheus.'),
			{ placeholder: '/tmp/netmond.prom', datatype: 'path' });
		value(s, 'device', form.Value, 'socket', _('Socket of the local API'), null,
			{ placeholder: '/var/run/netmond/netmond.sock', datatype: 'path' });

		const service = m.section(form.NamedSection, 'service', 'service', _('Service'));

		service.option(form.Flag, 'jail', _('Jail'),
			_('Run as a user of its own in a jail. Connections are then closed only if the kernel can destroy sockets (CONFIG_INET_DIAG_DESTROY).'));
		Object.assign(service.option(form.Value, 'memlimit', _('Memory limit')),
			{ placeholder: '12MiB', validate: (id, v) => !v || /^[0-9]+([KMG]iB|B)?$/.test(v) ? true : _('A size such as 12MiB') });
		Object.assign(service.option(form.Value, 'gc', _('Garbage, percent')),
			{ placeholder: '100', datatype: 'uinteger' });

		return m.render();
	}
});
