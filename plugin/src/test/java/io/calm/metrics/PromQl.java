package io.calm.metrics;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names in a PromQL expression. A tokenizer of the language's lexical grammar, with enough of
 * its syntax to tell metrics, functions and labels apart. It refuses characters that it does not
 * know; whether an expression is valid is for promtool to say.
 *
 * @param metrics each metric with the labels of its selectors
 * @param grouped labels in {@code by}, {@code without}, {@code on}, {@code ignoring} and {@code
 *     group_*}
 */
public record PromQl(Map<String, Set<String>> metrics, Set<String> grouped) {
  private static final Pattern TOKEN =
      Pattern.compile(
          "\\s+|#[^\\n]*"
              + "|(?<string>\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*')"
              + "|(?<range>\\[[^\\]]*\\])"
              + "|(?<number>(?:\\d+(?:ms|[smhdwy]))+|\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)"
              + "|(?<name>[A-Za-z_:][A-Za-z0-9_:]*)"
              + "|(?<sign>=~|!~|!=|==|>=|<=|[-+*/%^=<>(){},@])");

  private static final Set<String> GROUPING =
      Set.of("by", "without", "on", "ignoring", "group_left", "group_right");
  private static final Set<String> WORDS =
      Set.of("and", "or", "unless", "offset", "bool", "atan2", "inf", "nan");
  private static final Set<String> AGGREGATIONS =
      Set.of(
          "sum",
          "min",
          "max",
          "avg",
          "count",
          "group",
          "stddev",
          "stdvar",
          "topk",
          "bottomk",
          "quantile",
          "count_values");

  /** Reads an expression. */
  public static PromQl parse(String expression) {
    return new Reader(tokens(expression), expression).read();
  }

  private static List<String> tokens(String expression) {
    List<String> tokens = new ArrayList<>();
    Matcher token = TOKEN.matcher(expression);
    int end = 0;
    while (end < expression.length()) {
      if (!token.find(end) || token.start() != end) {
        throw new IllegalArgumentException(
            "unknown character at %d of: %s".formatted(end, expression));
      }
      end = token.end();
      String text = token.group();
      if (!text.isBlank() && !text.startsWith("#")) {
        tokens.add(text);
      }
    }
    return tokens;
  }

  private static boolean isName(String token) {
    return token.matches("[A-Za-z_:][A-Za-z0-9_:]*");
  }

  private static final class Reader {
    private final List<String> tokens;
    private final String expression;
    private final Map<String, Set<String>> metrics = new TreeMap<>();
    private final Set<String> grouped = new TreeSet<>();
    private int next;

    Reader(List<String> tokens, String expression) {
      this.tokens = tokens;
      this.expression = expression;
    }

    PromQl read() {
      while (next < tokens.size()) {
        String token = tokens.get(next++);
        if (!isName(token)) {
          if (token.equals("{")) {
            throw new IllegalArgumentException("a selector without a metric in: " + expression);
          }
          continue;
        }
        if (GROUPING.contains(token)) {
          labels(token);
        } else if (!WORDS.contains(token.toLowerCase(Locale.ROOT))
            && !AGGREGATIONS.contains(token)
            && !peek("(")) {
          selector(metrics.computeIfAbsent(token, name -> new TreeSet<>()));
        }
      }
      return new PromQl(metrics, grouped);
    }

    private boolean peek(String token) {
      return next < tokens.size() && tokens.get(next).equals(token);
    }

    private void labels(String keyword) {
      if (!peek("(")) {
        if (keyword.startsWith("group_")) {
          return;
        }
        throw new IllegalArgumentException("expected ( behind " + keyword + " in: " + expression);
      }
      for (next++; !peek(")"); next++) {
        if (isName(tokens.get(next))) {
          grouped.add(tokens.get(next));
        }
      }
    }

    /** Reads {@code label="value", ...} behind a metric, if there is such a list. */
    private void selector(Set<String> labels) {
      if (!peek("{")) {
        return;
      }
      for (next++; !peek("}"); next++) {
        if (isName(tokens.get(next))) {
          labels.add(tokens.get(next));
        }
      }
    }
  }
}
