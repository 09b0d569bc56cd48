package io.calm.report;

import io.calm.text.Printable;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A writer of HTML and SVG that escapes every text and attribute. Elements are well-formed XML, so
 * that a document can be parsed as either. Not thread safe.
 */
final class HtmlWriter {
  /** Maximum number of characters of one text: a reason of a plan is long, a book is an attack. */
  private static final int MAX_TEXT = 4000;

  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Starts an element.
   *
   * @param attributes names and values in turn
   */
  HtmlWriter start(String element, Object... attributes) {
    tag(element, attributes);
    out.append('>');
    open.push(element);
    return this;
  }

  private void tag(String element, Object... attributes) {
    out.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ')
          .append(attributes[i])
          .append("=\"")
          .append(escape(String.valueOf(attributes[i + 1])))
          .append('"');
    }
  }

  /** Ends the element that was started last. */
  HtmlWriter end() {
    String element = open.pop();
    out.append("</").append(element).append('>');
    if (!element.equals("data") && !element.equals("span") && !element.equals("code")) {
      out.append('\n');
    }
    return this;
  }

  /** Writes an element without content. */
  HtmlWriter empty(String element, Object... attributes) {
    tag(element, attributes);
    out.append("/>\n");
    return this;
  }

  /** Writes a text. */
  HtmlWriter text(String text) {
    out.append(escape(text));
    return this;
  }

  /** Writes an element that holds only a text. */
  HtmlWriter element(String element, String text, Object... attributes) {
    return start(element, attributes).text(text).end();
  }

  /** Writes markup of this class, or a constant, without escaping it. */
  HtmlWriter raw(String markup) {
    out.append(markup);
    return this;
  }

  /** Returns the markup; all elements must have ended. */
  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("elements that have not ended: " + open);
    }
    return out.toString();
  }

  /** Returns a text as one line of visible characters without markup. */
  static String escape(String text) {
    String line = Printable.of(text, MAX_TEXT);
    StringBuilder escaped = new StringBuilder(line.length() + 16);
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&quot;");
        case '\'' -> escaped.append("&#39;");
        default -> escaped.append(c);
      }
    }
    return escaped.toString();
  }
}
