// SharePoint's multipart batches: as they are asked, and as they are answered.
#include "core/graph/sharepoint_batch.h"

#include "tests/catch.h"

namespace spa::sharepoint_batch {
namespace {

constexpr char kType[] = "multipart/mixed; boundary=batchresponse_1";

std::string Part(const std::string& status, const std::string& body,
                 const std::string& headers = "") {
  return "--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: "
         "binary\r\n\r\nHTTP/1.1 " +
         status + "\r\nCONTENT-TYPE: application/json\r\n" + headers + "\r\n" + body + "\r\n";
}
constexpr char kEnd[] = "--batchresponse_1--\r\n";

}  // namespace

TEST_CASE("A batch asks for each address in a part of its own") {
  const std::string body = Body(std::vector<std::string>{"https://t/_api/web/a", "https://t/b"});

  CHECK(body.find("GET https://t/_api/web/a HTTP/1.1\r\n") != std::string::npos);
  CHECK(body.find("GET https://t/b HTTP/1.1\r\n") != std::string::npos);
  const std::string type = ContentType();
  const std::string boundary = type.substr(type.find("boundary=") + 9);
  CHECK(body.starts_with("--" + boundary + "\r\n"));
  CHECK(body.ends_with("--" + boundary + "--\r\n"));
}

TEST_CASE("Each part of a batch has its own status, wait and body") {
  const auto answers = Decode(kType,
                              Part("200 OK", R"({"value":[]})") +
                                  Part("429 Too Many Requests", "", "Retry-After: 3\r\n") +
                                  Part("404 Not Found", "a\r\n\r\nb") + kEnd,
                              3);

  REQUIRE(answers);
  CHECK((*answers)[0].status == 200);
  CHECK((*answers)[0].body == R"({"value":[]})");
  CHECK((*answers)[0].retry_after.empty());
  CHECK((*answers)[1].status == 429);
  CHECK((*answers)[1].retry_after == "3");
  CHECK((*answers)[2].body == "a\r\n\r\nb");
}

TEST_CASE("A batch that is not whole is none") {
  const std::string one = Part("200 OK", "{}");
  CHECK_FALSE(Decode(kType, one + kEnd, 2));
  CHECK_FALSE(Decode(kType, one, 1));
  CHECK_FALSE(Decode(kType, one.substr(0, 60), 1));
  CHECK_FALSE(Decode("application/json", one + kEnd, 1));
  CHECK_FALSE(Decode(kType, Part("x", "{}") + kEnd, 1));
  CHECK(Decode("multipart/mixed; boundary=\"batchresponse_1\"; charset=utf-8", one + kEnd, 1));
}

}  // namespace spa::sharepoint_batch
