// Xlsx: a workbook as other programs find it: a ZIP of XML parts, read with nothing of what wrote
// it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace spa::testing {

using Cells = std::vector<std::vector<std::string>>;

class Xlsx {
 public:
  explicit Xlsx(const std::string& bytes);

  const std::map<std::string, std::string>& parts() const { return parts_; }  // by path
  const std::vector<std::string>& sheets() const { return names_; }           // in order
  // Texts as they are shown; numbers as written; "true" and "false"; an empty cell is empty.
  Cells Rows(const std::string& sheet) const;

 private:
  std::map<std::string, std::string> parts_;
  std::vector<std::string> names_;
};

// RFC 4180; a formula's apostrophe is taken off.
Cells ReadCsv(const std::string& text);

}  // namespace spa::testing
