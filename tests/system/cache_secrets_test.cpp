// Secrets of the configuration that stand elsewhere, as the verbs of `cache` find them.
#include "tests/catch.h"
#include "tests/system/program.h"

namespace spa::testing {

TEST_CASE("The verbs look up the cache's secrets where the configuration says they are",
          "[system][cache][S1-40]") {
  const Folder folder;
  const std::string config = folder.File("config.json");
  WriteText(folder.File("mac"), "a key of some length\n");
  WriteText(config,
            R"({"auth": {"client_secret": "env:NOT_SET_AT_ALL"}, "cache": {"mac_key": "file:)" +
                folder.File("mac") + R"(", "l2": "disk:)" + folder.File("c.db") + "\"}}");
  Surroundings same;
  same.environment = {"SHAREPOINT_AUDIT_CACHE__MAC_KEY=a key of some length"};
  Surroundings other;
  other.environment = {"SHAREPOINT_AUDIT_CACHE__MAC_KEY=another key"};

  CHECK(Run({"cache", "set", "k", "v", "--config", config}).exit == 0);

  CHECK(Run({"cache", "get", "k", "--config", config}).out == "v\n");
  CHECK(Run({"cache", "get", "k", "--config", config}, same).exit == 0);
  CHECK(Run({"cache", "get", "k", "--config", config}, other).exit == 1);
  CHECK(Run({"cache", "verify", "--config", config}, other).exit == 3);
}

}  // namespace spa::testing
