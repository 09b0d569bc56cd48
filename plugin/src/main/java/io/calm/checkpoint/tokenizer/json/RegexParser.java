package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.RegexNode.Assertion;
import io.calm.checkpoint.tokenizer.json.RegexNode.Atomic;
import io.calm.checkpoint.tokenizer.json.RegexNode.Chars;
import io.calm.checkpoint.tokenizer.json.RegexNode.Choice;
import io.calm.checkpoint.tokenizer.json.RegexNode.Concatenation;
import io.calm.checkpoint.tokenizer.json.RegexNode.Repeat;
import java.util.ArrayList;
import java.util.List;

/**
 * Parses the part of Oniguruma's Ruby syntax that tokenizers use: literals, classes, escapes of
 * sets, groups, lookaround, quantifiers. Rejects back references, recursion, conditions, callouts
 * and absent operators, because their cost cannot be determined.
 */
final class RegexParser {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_REPETITIONS = 1000;

  private final String regex;
  private final String path;
  private final CharacterSample sample;
  private int at;
  private boolean ignoreCase;

  private RegexParser(String regex, String path) {
    this.regex = regex;
    this.path = path;
    this.sample = CharacterSample.of(regex);
  }

  /**
   * Parses an expression.
   *
   * @param path its location in the file
   * @throws CheckpointException if it is not valid or not supported
   */
  static RegexNode parse(String regex, String path) {
    RegexParser parser = new RegexParser(regex, path);
    RegexNode node = parser.choice(0);
    if (parser.at < regex.length()) {
      throw parser.fault("an opening parenthesis for every closing one");
    }
    return node;
  }

  private RegexNode choice(int depth) {
    if (depth > MAX_DEPTH) {
      throw fault("at most " + MAX_DEPTH + " nested groups");
    }
    boolean outer = ignoreCase;
    List<RegexNode> branches = new ArrayList<>();
    do {
      branches.add(sequence(depth));
    } while (accept("|"));
    ignoreCase = outer;
    return branches.size() == 1 ? branches.get(0) : new Choice(List.copyOf(branches));
  }

  private RegexNode sequence(int depth) {
    List<RegexNode> parts = new ArrayList<>();
    while (at < regex.length() && "|)".indexOf(regex.charAt(at)) < 0) {
      parts.add(quantified(atom(depth)));
    }
    return parts.size() == 1 ? parts.get(0) : new Concatenation(List.copyOf(parts));
  }

  private RegexNode atom(int depth) {
    char c = regex.charAt(at);
    switch (c) {
      case '(' -> {
        at++;
        return group(depth);
      }
      case '[' -> {
        int start = at;
        skipClass(0);
        return chars(regex.substring(start, at));
      }
      case '\\' -> {
        return escape();
      }
      case '^', '$' -> {
        at++;
        return new Assertion(List.of());
      }
      case '*', '+', '?' -> throw fault("something before the quantifier");
      default -> {
        int point = regex.codePointAt(at);
        at += Character.charCount(point);
        return c == '.' ? chars(".") : literal(point);
      }
    }
  }

  private RegexNode group(int depth) {
    RegexNode node;
    if (accept("?:")) {
      node = choice(depth + 1);
    } else if (accept("?>")) {
      node = new Atomic(choice(depth + 1));
    } else if (accept("?=") || accept("?!") || accept("?<=") || accept("?<!")) {
      node = new Assertion(List.of(choice(depth + 1)));
    } else if (regex.startsWith("?<", at)) {
      at = regex.indexOf('>', at) + 1;
      if (at == 0) {
        throw fault("a group with a name");
      }
      node = choice(depth + 1);
    } else if (regex.startsWith("?", at) || regex.startsWith("*", at)) {
      return options(depth);
    } else {
      node = choice(depth + 1);
    }
    close();
    return node;
  }

  private void close() {
    if (!accept(")")) {
      throw fault("a closing parenthesis");
    }
  }

  /** Parses {@code (?i:...)} or {@code (?i)}, which applies to the end of the enclosing group. */
  private RegexNode options(int depth) {
    boolean outer = ignoreCase;
    boolean on = true;
    for (at++; at < regex.length() && "im-".indexOf(regex.charAt(at)) >= 0; at++) {
      char option = regex.charAt(at);
      if (option == '-') {
        on = false;
      } else if (option == 'i') {
        ignoreCase = on;
      }
    }
    if (accept(":")) {
      RegexNode node = choice(depth + 1);
      ignoreCase = outer;
      close();
      return node;
    }
    if (accept(")")) {
      RegexNode rest = choice(depth + 1);
      ignoreCase = outer;
      return rest;
    }
    throw fault("a group of one of the kinds (?: (?> (?= (?! (?<= (?<! (?i: (?m:");
  }

  private void skipClass(int depth) {
    if (depth > MAX_DEPTH) {
      throw fault("at most " + MAX_DEPTH + " nested classes");
    }
    at++;
    accept("^");
    if (accept("]")) {
      throw fault("a class with a character");
    }
    while (at < regex.length()) {
      char c = regex.charAt(at);
      if (c == ']') {
        at++;
        return;
      }
      if (regex.startsWith("[:", at) && regex.indexOf(":]", at) > 0) {
        at = regex.indexOf(":]", at) + 2;
      } else if (c == '[') {
        skipClass(depth + 1);
      } else if (c == '\\') {
        escape();
      } else {
        at++;
      }
    }
    throw fault("the end of the class");
  }

  private RegexNode escape() {
    int start = at;
    at += 2;
    char c = at <= regex.length() ? regex.charAt(at - 1) : 0;
    switch (c) {
      case 'b', 'B', 'A', 'z', 'Z' -> {
        return new Assertion(List.of());
      }
      case 'p', 'P' -> braced("name of a property");
      case 'x' -> {
        if (at < regex.length() && regex.charAt(at) == '{') {
          braced("hexadecimal code point");
        } else {
          hexadecimal(2, 0x7F);
        }
      }
      case 'u' -> hexadecimal(4, 0xFFFF);
      default -> {
        boolean known = "sSdDwWhHnrtfvae".indexOf(c) >= 0;
        boolean letterOrDigit = c < 0x80 && Character.isLetterOrDigit(c);
        if (c == 0 || (letterOrDigit && !known) || Character.isSurrogate(c)) {
          at = start;
          throw fault("an escape of a character, a set, an anchor or a property");
        }
      }
    }
    return chars(regex.substring(start, at));
  }

  private void braced(String what) {
    int close = regex.indexOf('}', at);
    if (at >= regex.length() || regex.charAt(at) != '{' || close < 0) {
      throw fault("a " + what + " in braces");
    }
    at = close + 1;
  }

  private void hexadecimal(int digits, int max) {
    int value = 0;
    for (int end = at + digits; at < end; at++) {
      int digit = at < regex.length() ? Character.digit(regex.charAt(at), 16) : -1;
      if (digit < 0) {
        throw fault(digits + " hexadecimal digits");
      }
      value = value << 4 | digit;
    }
    if (value > max || (value >= 0xD800 && value < 0xE000)) {
      throw fault("a code point that is not a byte or a surrogate");
    }
  }

  private RegexNode quantified(RegexNode atom) {
    RegexNode node = atom;
    while (at < regex.length()) {
      char c = regex.charAt(at);
      if (c == '*' || c == '+' || c == '?') {
        at++;
        Repeat repeat = new Repeat(node, c == '+' ? 1 : 0, c == '?' ? 1 : Integer.MAX_VALUE);
        boolean possessive = accept("+");
        node = possessive ? new Atomic(repeat) : repeat;
        if (!possessive) {
          accept("?");
        }
      } else {
        int before = at;
        node = c == '{' ? interval(node) : node;
        if (at == before) {
          break;
        }
      }
    }
    return node;
  }

  /**
   * Parses {@code {n}}, {@code {n,}}, {@code {,m}} or {@code {n,m}}; any other brace is a literal.
   */
  private RegexNode interval(RegexNode body) {
    int close = regex.indexOf('}', at);
    String inside = close < 0 ? "" : regex.substring(at + 1, close);
    if (!inside.matches("[0-9]+|[0-9]+,[0-9]*|,[0-9]+")) {
      return body;
    }
    int comma = inside.indexOf(',');
    int min = count(comma < 0 ? inside : inside.substring(0, comma), 0);
    int max = comma < 0 ? min : count(inside.substring(comma + 1), Integer.MAX_VALUE);
    if (min > max) {
      throw fault("repetitions in ascending order");
    }
    at = close + 1;
    return new Repeat(body, min, max);
  }

  private int count(String digits, int fallback) {
    if (digits.isEmpty()) {
      return fallback;
    }
    int count = digits.length() > 4 ? Integer.MAX_VALUE : Integer.parseInt(digits);
    if (count > MAX_REPETITIONS) {
      throw fault("at most " + MAX_REPETITIONS + " repetitions");
    }
    return count;
  }

  private RegexNode literal(int point) {
    String quoted = point < 0x80 ? "\\x{" + Integer.toHexString(point) + "}" : "";
    return chars(quoted.isEmpty() ? Character.toString(point) : quoted);
  }

  private RegexNode chars(String source) {
    return new Chars(new CharacterSet(source, ignoreCase, sample));
  }

  private boolean accept(String text) {
    if (regex.startsWith(text, at)) {
      at += text.length();
      return true;
    }
    return false;
  }

  private CheckpointException fault(String expected) {
    return JsonFault.at(
        path,
        "a regular expression with " + expected + " at character " + (at + 1),
        JsonFault.quoted(regex));
  }
}
