// The one place that names Catch2's header, so that another version is one edit.
#pragma once

#define CATCH_CONFIG_ENABLE_CHRONO_STRINGMAKER
#include <catch2/catch.hpp>
