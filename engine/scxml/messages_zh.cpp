#include "engine/scxml/messages_zh.h"

#include <array>
#include <utility>

namespace chuyi::scxml {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 39> kMeanings = {{
    {"scxml.assign", "<assign>须有expr，或者有内容，二者取一"},
    {"scxml.attribute", "该元素没有这个属性"},
    {"scxml.autoforward", "autoforward须为true或者false"},
    {"scxml.binding", "binding须为early或者late"},
    {"scxml.cond", "null数据模型的条件只能写In('状态')"},
    {"scxml.data_id", "数据的id须为Lua变量名"},
    {"scxml.datamodel", "datamodel须为lua或者null"},
    {"scxml.duplicate_id", "id不得重复"},
    {"scxml.element", "此处不得有这个元素"},
    {"scxml.empty", "至少须有一个状态"},
    {"scxml.event", "须写明事件名称"},
    {"scxml.exclusive", "这些写法只能取其一"},
    {"scxml.expression", "不是合法的Lua表达式（引号、括号等须为英文半角）"},
    {"scxml.finalize", "<finalize>中不得发送事件，请写到处理该事件的迁移中"},
    {"scxml.history", "历史状态的写法不正确"},
    {"scxml.id", "id不符合要求"},
    {"scxml.if", "<if>的写法不正确"},
    {"scxml.initial", "初始状态的写法不正确"},
    {"scxml.location", "须为可以赋值的Lua位置"},
    {"scxml.required", "缺少必需的属性"},
    {"scxml.root", "根元素须为SCXML命名空间的<scxml>"},
    {"scxml.send", "<send>的写法不正确"},
    {"scxml.src", "src所指的文件无法读取"},
    {"scxml.target", "目标须为已有的状态，且能够同时处于其中"},
    {"scxml.text", "此处不得有文字；Lua须写在<script>中"},
    {"scxml.transition", "迁移至少须有event、cond、target之一"},
    {"scxml.transition_type", "type须为internal或者external"},
    {"scxml.version", "version须为1.0"},
    {"xml.attributes", "属性过多"},
    {"xml.depth", "元素嵌套过深"},
    {"xml.doctype", "不得有DOCTYPE"},
    {"xml.elements", "元素过多"},
    {"xml.encoding", "须为UTF-8编码"},
    {"xml.entity", "不得使用自定义实体"},
    {"xml.include", "不得使用XInclude"},
    {"xml.namespace", "命名空间前缀没有声明"},
    {"xml.not_well_formed", "XML格式不正确（标签、引号、&须成对或转义）"},
    {"xml.size", "文件过大"},
    {"xml.text", "文字过长"},
}};

}  // namespace

std::string message_zh_of(std::string_view code, std::string_view message) {
  for (const auto& [known, meaning] : kMeanings) {
    if (known != code) continue;
    std::string out{meaning};
    // What was found stands in quotes in the English message; the parser's words of Lua stand after a colon.
    const std::size_t lua = code == "scxml.expression" ? message.find(": ") : std::string_view::npos;
    const std::size_t found = message.find("found '");
    if (lua != std::string_view::npos)
      out += "：" + std::string{message.substr(lua + 2)};
    else if (found != std::string_view::npos)
      out += "，实际为“" + std::string{message.substr(found + 7, message.rfind('\'') - found - 7)} + "”";
    return out;
  }
  return {};
}

}  // namespace chuyi::scxml
