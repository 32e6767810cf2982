// A program of the size and manner of a Rust or C++ service that keeps compiled patterns: the library's
// regular expressions, locales and streams come with it.
#include <iostream>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

static std::vector<std::regex>* patterns;
static std::vector<std::wregex>* wide;

extern "C" __attribute__((export_name("wizer-initialize"))) void initialize() {
  patterns = new std::vector<std::regex>();
  const char* texts[] = {
      "([a-z0-9._-]+)@([a-z0-9-]+)\\.(com|org|net)",
      "(\\d{4})-(\\d{2})-(\\d{2})T(\\d{2}):(\\d{2})",
      "Mozilla/([0-9.]+) \\(([^)]*)\\) (AppleWebKit|Gecko)/([0-9.]+).*",
      "(GET|POST|PUT|DELETE) (/[^ ?]*)(\\?[^ ]*)? HTTP/(1\\.[01]|2)",
  };
  for (const char* text : texts) {
    patterns->emplace_back(text, std::regex::ECMAScript | std::regex::icase | std::regex::optimize);
  }
  wide = new std::vector<std::wregex>();
  wide->emplace_back(L"([a-z]+)-([0-9]+)", std::regex::ECMAScript | std::regex::optimize);
  std::ostringstream warm;
  warm << patterns->size() << ' ' << 1.5;
  if (warm.str().empty()) std::cerr << "no patterns" << std::endl;
}

extern "C" __attribute__((export_name("run"))) int run() {
  const std::string line = "GET /index.html?x=1 HTTP/1.1";
  std::smatch match;
  int found = 0;
  for (const std::regex& pattern : *patterns) found += std::regex_match(line, match, pattern);
  const std::wstring name = L"abc-123";
  return found * 10 + std::regex_match(name, wide->front());
}
