# The rule for libregistry.a inside nginx's makefile. The library's own
# Makefile knows what is out of date, so it is always asked; when it changed
# nothing, nothing is linked again.

cat << END                                                    >> $NGX_MAKEFILE

.PHONY:	registry_lib_check
registry_lib_check:

$ngx_registry_lib:	registry_lib_check
	\$(MAKE) -C $ngx_addon_dir BUILD=$ngx_registry_build lib

END
