# migrate.rsx copies a directory, with all that is below it, into a directory of
# another site, and counts both.
#
#     rsexec run migrate.rsx OLD:/srv/archive NEW:/srv
#
# $1 becomes a directory in $2, which is made if there is none: here /srv/archive at
# NEW. Nothing is deleted. If it was interrupted, or something failed, perform it
# again: what is there already is not copied twice.

SET from $1
SET to $2/${from.name}
IF NOT EXISTS $2
    CREATE $2
END
ON ERROR CONTINUE
COPY $from TO $2 --recursive --update
COUNT $from
COUNT $to
