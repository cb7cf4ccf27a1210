// Goal: what several nodes on one PostgreSQL promise each other. Method: two stores on one database, in one process.
#include <gtest/gtest.h>

#include "tests/store_contract/backends.h"
