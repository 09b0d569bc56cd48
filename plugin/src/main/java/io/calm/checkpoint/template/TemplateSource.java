package io.calm.checkpoint.template;

/**
 * Rewrites a template of Hugging Face's dialect to what Jinjava reads alike: the precedence of
 * operators, the {@code generation} tags that mark training targets, and the indentation of blocks
 * ({@code lstrip_blocks}), which Jinjava takes away in the middle of a line too.
 */
final class TemplateSource {
  private final String source;
  private final StringBuilder out = new StringBuilder();

  private TemplateSource(String source) {
    this.source = source;
  }

  static String adapt(String source) {
    TemplateSource adapting = new TemplateSource(source);
    int at = 0;
    while (at < source.length()) {
      at = adapting.text(at);
    }
    return adapting.out.toString();
  }

  /** Copies text up to the next tag and the tag itself; returns where it ends. */
  private int text(int from) {
    int open = from;
    do {
      open = source.indexOf('{', open);
      if (open < 0 || open + 1 >= source.length()) {
        out.append(source, from, source.length());
        return source.length();
      }
      open++;
    } while ("%{#".indexOf(source.charAt(open)) < 0);
    boolean indented = source.charAt(open) != '{' && !source.startsWith("+", open + 1);
    out.append(source, from, indented ? withoutIndentation(from, open - 1) : open - 1);
    return tag(open - 1, source.charAt(open));
  }

  /** Returns where the text before a block ends without the blanks that its line begins with. */
  private int withoutIndentation(int from, int end) {
    int start = end;
    while (start > from && " \t".indexOf(source.charAt(start - 1)) >= 0) {
      start--;
    }
    return start == 0 || source.charAt(start - 1) == '\n' ? start : end;
  }

  private int tag(int open, char kind) {
    int inside = open + 2;
    if (kind == '#') {
      int close = source.indexOf("#}", inside);
      int end = close < 0 ? source.length() : close + 2;
      out.append(source, open, end);
      return end;
    }
    int close = close(inside, kind == '{' ? "}}" : "%}");
    int end = Math.min(source.length(), close + 2);
    if (close > inside && "-+".indexOf(source.charAt(close - 1)) >= 0) {
      close--;
    }
    out.append(source, open, inside);
    String content = source.substring(source.startsWith("+", inside) ? inside + 1 : inside, close);
    out.append(kind == '%' ? statement(content) : PythonSyntax.rewrite(content));
    out.append(source, close, end);
    return end;
  }

  private static String statement(String content) {
    String name = content.replaceAll("^[-+\\s]+|[-+\\s]+$", "");
    return switch (name) {
      case "generation" -> content.replace(name, "if true");
      case "endgeneration" -> content.replace(name, "endif");
      default -> name.startsWith("macro ") ? content : PythonSyntax.rewrite(content);
    };
  }

  /** Returns where the tag's end mark begins, strings inside it passed over. */
  private int close(int from, String mark) {
    char quote = 0;
    for (int i = from; i < source.length(); i++) {
      char c = source.charAt(i);
      if (quote != 0) {
        if (c == '\\') {
          i++;
        } else if (c == quote) {
          quote = 0;
        }
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (source.startsWith(mark, i)) {
        return i;
      }
    }
    return source.length();
  }
}
