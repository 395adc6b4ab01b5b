#include "simulator/simulate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "simulator/certificates.h"

namespace spa {
namespace {

// Made for its owner alone, whatever stood there before.
Status WritePrivate(const std::string& path, const std::string& text) {
  const auto failed = [&path] {
    return Fail(ErrorCode::kStorage,
                fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  };
  std::error_code ignored;  // Opening the file tells.
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed();
  Status status;
  if (::fchmod(file, 0600) != 0) status = failed();
  for (std::size_t at = 0; status && at < text.size();) {
    const ssize_t written = ::write(file, text.data() + at, text.size() - at);
    if (written < 0) {
      status = failed();
    } else {
      at += static_cast<std::size_t>(written);
    }
  }
  ::close(file);
  return status;
}

Result<TenantSpec> ReadSpec(const SimulateOptions& options) {
  auto spec = options.spec_file.empty() ? TenantSpec::Preset(options.preset)
                                        : TenantSpec::Load(options.spec_file);
  if (!spec) return spec;
  for (const auto& assignment : options.set) {
    if (auto set = spec->Set(assignment); !set) return Fail(set.error());
  }
  return spec;
}

// Names of the files beside the configuration.
struct Neighbours {
  explicit Neighbours(const std::string& config) {
    const auto path = std::filesystem::absolute(config);
    const auto folder = path.parent_path();
    const auto stem = path.stem().string();
    ca = (folder / (stem + "-ca.pem")).string();
    credential = (folder / (stem + "-credential.pem")).string();
    database = (folder / "audit.db").string();
    cache = (folder / "cache.db").string();
  }
  std::string ca, credential, database, cache;
};

nlohmann::ordered_json ConfigOf(const SimulateOptions& options, const TenantSpec& spec,
                                const std::string& base_url, const Neighbours& files) {
  nlohmann::ordered_json auth = {{"tenant_id", spec.tenant_id}, {"client_id", spec.client_id}};
  if (options.credential == "certificate") {
    auth["certificate_path"] = files.credential;
  } else {
    auth["client_secret"] = spec.client_secret;
  }
  auth["authority_host"] = base_url;
  std::string sharepoint = base_url;
  if (spec.wire.separate_sharepoint_host) {
    sharepoint.replace(sharepoint.find("127.0.0.1"), 9, "localhost");
  }
  nlohmann::ordered_json config = {
      {"auth", auth}, {"tenant_url", sharepoint}, {"graph", {{"base_url", base_url + "/v1.0"}}}};
  if (options.https) config["tls"] = {{"ca_file", files.ca}};
  config["db"] = {{"path", files.database}};
  // Beside the database: another simulated tenant has the same ids and other answers.
  config["cache"] = {{"l2", "disk:" + files.cache}};
  return config;
}

}  // namespace

Result<std::unique_ptr<SimulatorServer>> StartSimulation(const SimulateOptions& options) {
  if (options.credential != "secret" && options.credential != "certificate") {
    return Fail(ErrorCode::kUsage, fmt::format("there is no credential '{}'", options.credential),
                "one of: secret, certificate");
  }
  auto spec = ReadSpec(options);
  if (!spec) return Fail(spec.error());
  const Neighbours files(options.write_config.empty() ? "config.json" : options.write_config);
  ServerOptions server_options;
  server_options.port = options.port;
  server_options.https = options.https;
  server_options.threads = options.threads;
  if (!options.write_config.empty()) {
    if (options.https) server_options.ca_file = files.ca;
    if (options.credential == "certificate") {
      const sim::KeyPair pair = sim::MakeSelfSigned("sharepoint-audit");
      server_options.client_certificate_pem = pair.certificate_pem;
      auto written = WritePrivate(files.credential, pair.certificate_pem + pair.key_pem);
      if (!written) return Fail(written.error());
    }
  }
  auto server = std::make_unique<SimulatorServer>(*spec, server_options);
  if (auto port = server->Start(); !port) return Fail(port.error());
  if (!options.write_config.empty()) {
    const auto config = ConfigOf(options, *spec, server->base_url(), files);
    auto written = WritePrivate(options.write_config, config.dump(2) + "\n");
    if (!written) return Fail(written.error());
  }
  return server;
}

}  // namespace spa
