'use strict';
'require baseclass';
'require netmond.common as netmond';

return baseclass.extend({
	title: _('Uplinks and Portals'),

	load: function() {
		return netmond.status();
	},

	// Nothing is shown where netmond does not run.
	render: function(status) {
		return status ? netmond.uplinks(status.uplinks || [], true) : null;
	}
});
