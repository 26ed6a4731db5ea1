# Writes OUT: IN with FIND replaced by REPLACE. FIND must stand there exactly once, so that a variant
# never turns into the product without anybody noticing.
file(READ "${IN}" text)
string(FIND "${text}" "${FIND}" first)
string(FIND "${text}" "${FIND}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${IN}: \"${FIND}\" must stand there once: this test's patch is to be renewed")
endif()
string(REPLACE "${FIND}" "${REPLACE}" text "${text}")
file(WRITE "${OUT}" "${text}")
