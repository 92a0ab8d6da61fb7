# compare.rsx compares a directory at two sites: what is missing at either, and what
# differs.
#
#     rsexec run compare.rsx SITE1: SITE2: /pub
#     rsexec run compare.rsx SITE1: SITE2: /pub | grep -v '^same'
#
# $1 and $2 are the sites, $3 is the directory at both. Files are compared by digest
# where both sites compute the same one, else they are read. The exit status is 0 only
# if nothing is missing and nothing differs.

SET one $1$3
SET two $2$3
SET missing no
ON ERROR CONTINUE
FOREACH file IN $one --type=file
    IF EXISTS $2${file.path}
        COMPARE $file, $2${file.path}
    ELSE
        ECHO missing at $2 ${file.path}
        SET missing yes
    END
END
FOREACH file IN $two --type=file
    IF NOT EXISTS $1${file.path}
        ECHO missing at $1 ${file.path}
        SET missing yes
    END
END
IF $missing = yes
    QUIT 1
END
