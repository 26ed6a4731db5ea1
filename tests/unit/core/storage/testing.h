/* cmocka with what it needs around it.
 */
#ifndef TEST_STORAGE_TESTING_H
#define TEST_STORAGE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test between `setup` and `teardown` of its file. */
#define unit(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
