// StoreSecurity: how a second level proves who it is, and we to it. For stores on a network.
#pragma once

#include <string>

#include "core/secret.h"

namespace spa {

struct StoreSecurity {
  StoreSecurity() = default;
  bool tls = false;                 // Also where the URL does not say so (rediss://).
  std::string ca_file;              // Empty: those the system trusts.
  std::string cert_file, key_file;  // Our own certificate, where the server asks for one.
  std::string user;                 // Empty: the server's default user.
  Secret password;                  // Of `user`. Goes before one in the URL.
};

}  // namespace spa
