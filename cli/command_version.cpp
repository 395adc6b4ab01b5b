#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "cli/commands.h"

namespace spa {

std::string VersionText() {
  return fmt::format(
      "sharepoint-audit {}\n"
      "compiler  {}\n"
      "http      {}\n"
      "openssl   {}\n"
      "sqlite    {}\n",
      SPA_VERSION, "g++ " __VERSION__, curl_version(), OpenSSL_version(OPENSSL_VERSION),
      sqlite3_libversion());
}

}  // namespace spa
