#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "cli/commands.h"

namespace spa {

std::string VersionText() {
  return fmt::format(
      "sharepoint-audit {}\n"
      "source    {}\n"
      "compiler  {}\n"
      "http      {}\n"
      "openssl   {}\n"
      "sqlite    {}\n",
      SPA_VERSION, *SPA_COMMIT == '\0' ? "an archive" : "commit " SPA_COMMIT,
      "g++ " __VERSION__ ", " SPA_BUILD_TYPE, curl_version(), OpenSSL_version(OPENSSL_VERSION),
      sqlite3_libversion());
}

}  // namespace spa
