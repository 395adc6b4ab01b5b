#define CATCH_CONFIG_MAIN
#include "tests/catch.h"

#if defined(__SANITIZE_THREAD__)
// Asio counts references to an executor's target with a fence, which ThreadSanitizer does not see.
extern "C" const char* __tsan_default_suppressions() {
  return "race:boost::asio::execution::detail::any_executor_base::destroy_shared\n";
}
#endif
