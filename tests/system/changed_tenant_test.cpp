// An audit of a tenant that has changed, against what is true then.
#include <fmt/format.h>

#include "tests/system/tenant.h"

namespace spa::testing {

TEST_CASE("A tenant that has changed a thousand times is audited exactly as it is now") {
  for (const int seed : {1, 2, 3}) {
    INFO("seed " << seed);
    Tenant tenant("small", kCertificate, {"items=3000"});
    REQUIRE(tenant.server().Mutate(fmt::format(R"({{"seed": {}, "count": 1000}})", seed)));

    tenant.Summary();

    CheckEqual(tenant.CompareAll());
  }
}

}  // namespace spa::testing
