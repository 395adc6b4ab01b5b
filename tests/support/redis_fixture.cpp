#include "tests/support/redis_fixture.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <thread>

#include "core/encoding.h"

namespace spa::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(20);

// A folder that only we can enter, gone when the process ends well.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("spa-redis-" + NewGuid())) {
    fs::create_directory(path);
    fs::permissions(path, fs::perms::owner_all);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

int FreePort(bool cluster) {
  asio::io_context io;
  for (int i = 0; i < 100; ++i) {
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const int port = acceptor.local_endpoint().port();
    if (!cluster) return port;
    if (port < 55000) return port;  // The cluster's bus is at port + 10000.
  }
  throw std::runtime_error("no free port");
}

void Until(const std::string& what, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("never came: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

Cert MakeCert(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
              long serial) {
  Cert cert(X509_new(), X509_free);
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -86400);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 100L * 86400);
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer ? issuer : cert.get()));
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer : cert.get(), cert.get(), nullptr, nullptr, 0);
  const auto add = [&](int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(cert.get(), extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (issuer) {
    add(NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  } else {
    add(NID_basic_constraints, "critical,CA:TRUE");
  }
  X509_sign(cert.get(), issuer_key, EVP_sha256());
  return cert;
}

FILE* Create(const fs::path& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  return fdopen(file, "w");
}

std::string WriteCert(const fs::path& path, X509* cert) {
  FILE* file = Create(path);
  PEM_write_X509(file, cert);
  fclose(file);
  return path.string();
}

std::string WriteKey(const fs::path& path, EVP_PKEY* key) {
  FILE* file = Create(path);
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  return path.string();
}

template <class Stream>
Resp Exchange(Stream& stream, const std::vector<std::vector<std::string>>& commands) {
  std::string out;
  for (const auto& words : commands) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    AppendCommand(out, views);
  }
  asio::write(stream, asio::buffer(out));
  RespParser parser;
  Resp last;
  for (std::size_t answered = 0; answered < commands.size();) {
    char buffer[4096];
    parser.Feed(std::string_view(buffer, stream.read_some(asio::buffer(buffer))));
    while (auto value = parser.Next()) {
      last = std::move(*value);
      ++answered;
    }
    if (!parser.fault().empty()) throw std::runtime_error(parser.fault());
  }
  return last;
}

}  // namespace

RedisCertificates::RedisCertificates() {
  const auto made = std::make_shared<Folder>();
  folder = made;
  const Key ca_key(EVP_EC_gen("P-256"), EVP_PKEY_free), server(EVP_EC_gen("P-256"), EVP_PKEY_free),
      client(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Cert authority = MakeCert("test CA", ca_key.get(), nullptr, ca_key.get(), 1);
  ca = WriteCert(made->path / "ca.pem", authority.get());
  server_cert =
      WriteCert(made->path / "server.pem",
                MakeCert("test server", server.get(), authority.get(), ca_key.get(), 2).get());
  server_key = WriteKey(made->path / "server.key", server.get());
  client_cert =
      WriteCert(made->path / "client.pem",
                MakeCert("test client", client.get(), authority.get(), ca_key.get(), 3).get());
  client_key = WriteKey(made->path / "client.key", client.get());
}

const RedisCertificates& TestCertificates() {
  static const RedisCertificates certificates;
  return certificates;
}

RedisServer::RedisServer(RedisSetup setup)
    : setup_(std::move(setup)), folder_(fs::temp_directory_path() / ("spa-redis-" + NewGuid())) {
  fs::create_directory(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
  // Another process may take the port between our look and the server's start.
  for (int tries = 0;; ++tries) {
    port_ = FreePort(setup_.cluster);
    try {
      Start();
      return;
    } catch (const std::runtime_error&) {
      if (pid_ > 0) Kill();
      if (tries == 4) throw;
    }
  }
}

RedisServer::~RedisServer() {
  if (pid_ > 0) Kill();
  fs::remove_all(folder_);
}

StoreSecurity RedisServer::security() const {
  StoreSecurity security;
  if (setup_.password || !setup_.acl.empty()) security.password = Secret(kRedisPassword);
  if (!setup_.acl.empty()) security.user = kRedisUser;
  if (setup_.tls) {
    security.tls = true;
    security.ca_file = TestCertificates().ca;
    security.cert_file = TestCertificates().client_cert;
    security.key_file = TestCertificates().client_key;
  }
  return security;
}

void RedisServer::Start() {
  std::vector<std::string> words = {
      "redis-server", "--bind",     "127.0.0.1",    "--dir",     folder_.string(),
      "--save",       "",           "--appendonly", "no",        "--daemonize",
      "no",           "--loglevel", "warning",      "--logfile", (folder_ / "log").string()};
  const std::string port = std::to_string(port_);
  if (setup_.tls) {
    const RedisCertificates& certificates = TestCertificates();
    const std::initializer_list<std::string> more = {"--port",
                                                     "0",
                                                     "--tls-port",
                                                     port,
                                                     "--tls-cert-file",
                                                     certificates.server_cert,
                                                     "--tls-key-file",
                                                     certificates.server_key,
                                                     "--tls-ca-cert-file",
                                                     certificates.ca};
    words.insert(words.end(), more);
  } else {
    words.insert(words.end(), {"--port", port});
  }
  if (setup_.password) words.insert(words.end(), {"--requirepass", kRedisPassword});
  if (setup_.cluster) {
    words.insert(words.end(), {"--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                               "--cluster-require-full-coverage", "no"});
  }
  words.insert(words.end(), setup_.more.begin(), setup_.more.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  AwaitReady();
}

void RedisServer::AwaitReady() {
  Until("redis-server on port " + std::to_string(port_), [this] {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      throw std::runtime_error("redis-server ended at once; is it installed?");
    }
    try {
      return Ask({"PING"}).text == "PONG";
    } catch (const boost::system::system_error&) {
      return false;
    }
  });
  if (setup_.acl.empty()) return;
  std::vector<std::string> words = {"ACL", "SETUSER", kRedisUser, "on",
                                    std::string(">") + kRedisPassword};
  for (std::size_t at = 0; at < setup_.acl.size();) {
    const auto end = std::min(setup_.acl.find(' ', at), setup_.acl.size());
    words.push_back(setup_.acl.substr(at, end - at));
    at = end + 1;
  }
  const Resp made = Ask(words);
  if (made.IsError()) throw std::runtime_error(made.text);
}

void RedisServer::Stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void RedisServer::Restart() {
  Stop();
  Start();
}

void RedisServer::Pause() { kill(pid_, SIGSTOP); }
void RedisServer::Resume() { kill(pid_, SIGCONT); }

Resp RedisServer::Ask(const std::vector<std::string>& words) const {
  asio::io_context io;
  std::vector<std::vector<std::string>> commands;
  if (setup_.password) commands.push_back({"AUTH", kRedisPassword});
  commands.push_back(words);
  const tcp::endpoint to(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_));
  if (!setup_.tls) {
    tcp::socket socket(io);
    socket.connect(to);
    return Exchange(socket, commands);
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.load_verify_file(TestCertificates().ca);
  context.use_certificate_chain_file(TestCertificates().client_cert);
  context.use_private_key_file(TestCertificates().client_key, asio::ssl::context::pem);
  asio::ssl::stream<tcp::socket> stream(io, context);
  stream.next_layer().connect(to);
  stream.handshake(asio::ssl::stream_base::client);
  return Exchange(stream, commands);
}

RedisCluster::RedisCluster() {
  RedisSetup setup;
  setup.cluster = true;
  constexpr int kSlots = 16384, kNodes = 3;
  for (int i = 0; i < kNodes; ++i) servers_.push_back(std::make_unique<RedisServer>(setup));
  for (int i = 0; i < kNodes; ++i) {
    RedisServer& server = *servers_[static_cast<std::size_t>(i)];
    server.Ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(kSlots * i / kNodes),
                std::to_string(kSlots * (i + 1) / kNodes - 1)});
    server.Ask({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i > 0) {
      server.Ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(servers_[0]->port())});
    }
  }
  for (const auto& server : servers_) {
    Until("the cluster", [&] {
      return server->Ask({"CLUSTER", "INFO"}).text.find("cluster_state:ok") != std::string::npos &&
             server->Ask({"CLUSTER", "SLOTS"}).items.size() == kNodes;
    });
  }
}

void RedisCluster::AddReplica(std::size_t of) {
  RedisSetup setup;
  setup.cluster = true;
  replica_ = std::make_unique<RedisServer>(setup);
  replica_of_ = of;
  const std::string master = servers_[of]->Ask({"CLUSTER", "MYID"}).text;
  replica_->Ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(servers_[of]->port())});
  Until("the replica's master", [&] {
    return replica_->Ask({"CLUSTER", "REPLICATE", master}).text == "OK";
  });
  for (const auto& server : servers_) {  // They vote for it, so they must know of it.
    Until("the replica in the cluster", [&] {
      const std::string nodes = server->Ask({"CLUSTER", "NODES"}).text;
      return nodes.find("slave " + master) != std::string::npos;
    });
  }
  AwaitReplica();
}

void RedisCluster::AwaitReplica() {
  const auto offset = [](const RedisServer& server, const std::string& field) {
    const std::string info = server.Ask({"INFO", "replication"}).text;
    const auto at = info.find(field + ":");
    return at == std::string::npos
               ? std::string()
               : info.substr(at + field.size() + 1, info.find('\r', at) - at - field.size() - 1);
  };
  Until("the replica's copy", [&] {
    return offset(*replica_, "master_link_status") == "up" &&
           offset(*replica_, "slave_repl_offset") ==
               offset(*servers_[replica_of_], "master_repl_offset");
  });
}

std::string RedisCluster::url() const {
  return "redis+cluster://" + servers_[0]->host() + "," + servers_[1]->host();
}

}  // namespace spa::testing
