# Rules that unit.rules.tables has no rows for: RULE=TEST, or RULE= for a rule that is not judged yet.
# The test named here has an accepting and a refusing row for the rule and says so itself if one is gone.
set(CS_RULES_ELSEWHERE
    N01=e2e.elsewhere N03=e2e.elsewhere N04=e2e.elsewhere N05=e2e.authorize N06=e2e.clients
    E01=unit.evidence.admit E02=unit.evidence.admit E03=unit.evidence.admit E04=unit.evidence.admit
    E05=unit.evidence.admit E06=e2e.elsewhere E07=unit.evidence.admit)

# cs_check_rules_elsewhere(): every test named above exists; called when all folders were added.
function(cs_check_rules_elsewhere)
    set(tests)
    foreach(folder ${ARGN})
        get_property(here DIRECTORY ${folder} PROPERTY TESTS)
        list(APPEND tests ${here})
    endforeach()
    foreach(row ${CS_RULES_ELSEWHERE})
        string(REGEX REPLACE "^[^=]*=" "" name "${row}")
        if(NOT name STREQUAL "" AND NOT name IN_LIST tests)
            message(FATAL_ERROR "tests/rules_elsewhere.cmake: ${row}: there is no such test")
        endif()
    endforeach()
endfunction()
