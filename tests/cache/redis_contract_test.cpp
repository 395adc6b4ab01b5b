// The contract of all stores (tests/cache/store_contract.h), over each way to run Redis.
#include <array>
#include <cstdlib>

#include "cache/redis/scripts.h"
#include "cache/redis_store.h"
#include "tests/cache/store_contract.h"
#include "tests/support/redis_fixture.h"

namespace spa::testing {
namespace {

StorePlace PlaceAt(std::string url, StoreSecurity security, std::shared_ptr<void> keep) {
  StorePlace place;
  place.make = [url, security](asio::any_io_executor executor, StoreOptions options) {
    return MakeRedisStore(executor, url, options, security).value();
  };
  // For other processes: what the URL cannot say goes by their environment.
  place.url = url;
  setenv("STORE_CHILD_USER", security.user.c_str(), 1);
  setenv("STORE_CHILD_PASSWORD", security.password.Reveal().c_str(), 1);
  setenv("STORE_CHILD_CA", security.ca_file.c_str(), 1);
  setenv("STORE_CHILD_CERT", security.cert_file.c_str(), 1);
  setenv("STORE_CHILD_KEY", security.key_file.c_str(), 1);
  place.keep = std::move(keep);
  return place;
}

StorePlace MakePlainPlace() {
  auto server = std::make_shared<RedisServer>();
  return PlaceAt(server->url(), {}, server);
}

StorePlace MakeGuardedPlace() {
  RedisSetup setup;
  setup.tls = true;
  setup.acl = kRedisAcl;
  auto server = std::make_shared<RedisServer>(setup);
  return PlaceAt(server->url(), server->security(), server);
}

StorePlace MakeRingPlace() {
  auto servers = std::make_shared<std::array<RedisServer, 3>>();
  const std::string url = "redis+ring://" + (*servers)[0].host() + "," + (*servers)[1].host() +
                          "," + (*servers)[2].host();
  return PlaceAt(url, {}, servers);
}

StorePlace MakeClusterPlace() {
  auto cluster = std::make_shared<RedisCluster>();
  return PlaceAt(cluster->url(), {}, cluster);
}

}  // namespace

SPA_STORE_CONTRACT("redis", MakePlainPlace);
SPA_STORE_CONTRACT("redis with TLS and an ACL user", MakeGuardedPlace);
SPA_STORE_CONTRACT("redis ring", MakeRingPlace);
SPA_STORE_CONTRACT("redis cluster", MakeClusterPlace);

}  // namespace spa::testing
