# The listing of the rules is the one that was reviewed.
execute_process(COMMAND ${CLI} rules OUTPUT_FILE ${NEW} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "countersign rules: exit code ${code}")
endif()
execute_process(COMMAND diff -u ${SNAPSHOT} ${NEW} OUTPUT_VARIABLE difference RESULT_VARIABLE code)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "the rules are not those of tests/snapshots/rules.txt:\n${difference}\n"
                        "If this is what the change is for, update the snapshot and have it reviewed:\n"
                        "  ${CLI} rules > ${SNAPSHOT}")
endif()
