#include "simulator/simulate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/catch.h"

namespace spa {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/simulate-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

int Mode(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

std::string Ask(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
}

template <class Stream>
std::string Exchange(Stream& stream, const std::string& request) {
  asio::write(stream, asio::buffer(request));
  std::string answer;
  boost::system::error_code end;
  asio::read(stream, asio::dynamic_buffer(answer), end);
  return answer;
}

std::string Get(std::uint16_t port, const std::string& target) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  return Exchange(socket, Ask(target));
}

std::uint16_t PortOf(const SimulatorServer& server) {
  const std::string url = server.base_url();
  return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

}  // namespace

TEST_CASE("A simulation serves on a free port and streams its truth in chunks") {
  SimulateOptions options;
  options.preset = "small";

  const auto server = StartSimulation(options);
  REQUIRE(server);
  const std::string truth = Get(PortOf(**server), "/__sim/truth/objects");

  REQUIRE(truth.find("Transfer-Encoding: chunked") != std::string::npos);
  REQUIRE(truth.find("\"object_type\":\"file\"") != std::string::npos);
  REQUIRE(truth.ends_with("0\r\n\r\n"));
}

TEST_CASE("The written configuration names everything an audit needs and is private") {
  TempFolder folder;
  SimulateOptions options;
  options.preset = "small";
  options.write_config = folder.path + "/config.json";
  options.credential = "certificate";
  options.https = true;

  const auto server = StartSimulation(options);
  REQUIRE(server);

  const auto config = ReadJson(options.write_config);
  const std::string base = (*server)->base_url();
  CHECK(config["auth"]["tenant_id"] == (*server)->tenant().spec().tenant_id);
  CHECK(config["auth"]["authority_host"] == base);
  CHECK(config["graph"]["base_url"] == base + "/v1.0");
  CHECK(config["tenant_url"] == base);
  CHECK(config["db"]["path"] == folder.path + "/audit.db");
  CHECK_FALSE(config["auth"].contains("client_secret"));
  CHECK(Mode(options.write_config) == 0600);
  CHECK(Mode(config["auth"]["certificate_path"]) == 0600);
  CHECK(std::filesystem::exists(config["tls"]["ca_file"].get<std::string>()));
}

TEST_CASE("Over HTTPS the server is trusted through its CA file") {
  TempFolder folder;
  ServerOptions options;
  options.https = true;
  options.ca_file = folder.path + "/ca.pem";
  SimulatorServer server(*TenantSpec::Preset("small"), options);
  const auto port = server.Start();
  REQUIRE(port);

  asio::io_context io;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(options.ca_file);
  asio::ssl::stream<tcp::socket> stream(io, tls);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification("localhost"));
  stream.next_layer().connect({asio::ip::address_v4::loopback(), *port});
  stream.handshake(asio::ssl::stream_base::client);

  REQUIRE(Exchange(stream, Ask("/__sim/counters")).starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("A reset connection ends without an answer") {
  SimulateOptions options;
  options.preset = "small";
  options.set = {"faults.rate_reset=1"};
  const auto server = StartSimulation(options);
  REQUIRE(server);

  REQUIRE(Get(PortOf(**server), "/v1.0/sites/root").empty());
  REQUIRE((*server)->counters().resets == 1);
}

TEST_CASE("A simulation refuses what it does not know") {
  SimulateOptions credential, preset, field;
  credential.credential = "password";
  preset.preset = "huge";
  field.set = {"faults.rate_430=1"};

  CHECK(StartSimulation(credential).error().code == ErrorCode::kUsage);
  CHECK(StartSimulation(preset).error().code == ErrorCode::kUsage);
  CHECK(StartSimulation(field).error().code == ErrorCode::kUsage);
}

}  // namespace spa
