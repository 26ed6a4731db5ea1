# Writes OUT with the commit of SOURCE, "-dirty" behind it if files were changed; keeps OUT as it is
# if nothing changed, so that nothing is compiled again.
execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=7 HEAD
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
    set(commit "unknown")
else()
    execute_process(COMMAND git -C "${SOURCE}" status --porcelain --untracked-files=no
                    OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
        set(commit "${commit}-dirty")
    endif()
endif()
set(text "#define BUILD_ID \"${commit}\"\n")
set(before "")
if(EXISTS "${OUT}")
    file(READ "${OUT}" before)
endif()
if(NOT text STREQUAL before)
    file(WRITE "${OUT}" "${text}")
endif()
