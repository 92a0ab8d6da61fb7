# collect.rsx brings the logs of all sites together, in one directory for each site.
#
#     rsexec run collect.rsx STORE:/collected
#     rsexec run collect.rsx LOCAL:/var/log/sites
#
# $1 is a directory that exists. Of each site it takes /logs/*.log, but only what is
# not there yet or has changed, so that it can run every night. A site that is down
# is reported and left out; the exit status says so.

SET to $1
ON ERROR CONTINUE
FOREACH log IN *:/logs/*.log
    IF NOT EXISTS $to/${log.site}
        CREATE $to/${log.site}
    END
    COPY $log TO $to/${log.site}/ --update
END
