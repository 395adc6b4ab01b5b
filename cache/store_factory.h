// MakeStore: a second level from its URL: "disk:PATH", "redis://HOST:PORT/DB", and whatever else
// has been registered. "none" and the empty URL are no store.
//
// Threads: any.
// Errors: kUsage where the scheme is unknown or the URL is not one of its scheme; the message holds
// no password.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store.h"
#include "cache/store_security.h"

namespace spa {

using StoreFactory = std::function<Result<std::unique_ptr<Store>>(
    asio::any_io_executor executor, std::string_view url, const StoreOptions& options,
    const StoreSecurity& security)>;

// The factory of all URLs that begin with `scheme` and ':'. Replaces an earlier one.
void RegisterStore(std::string scheme, StoreFactory factory);
std::vector<std::string> StoreSchemes();  // Sorted.

bool IsNoStore(std::string_view url);  // "none" or empty.
Result<std::unique_ptr<Store>> MakeStore(asio::any_io_executor executor, std::string_view url,
                                         const StoreOptions& options,
                                         const StoreSecurity& security = {});

}  // namespace spa
