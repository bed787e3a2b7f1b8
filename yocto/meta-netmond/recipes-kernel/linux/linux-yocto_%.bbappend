# Only for who asks for it: DISTRO_FEATURES:append = " netmond-kernel"
include ${@bb.utils.contains('DISTRO_FEATURES', 'netmond-kernel', 'netmond-kernel.inc', '', d)}
