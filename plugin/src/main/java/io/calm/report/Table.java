package io.calm.report;

import java.util.function.Consumer;

/** A table with a caption and a header for each column. Each row starts with its header cell. */
final class Table {
  private final HtmlWriter to;
  private boolean header;

  /**
   * Starts a table.
   *
   * @param caption what the rows are
   * @param columns headers; one that starts with {@code #} is of a column of numbers
   */
  Table(HtmlWriter to, String caption, String... columns) {
    this.to = to;
    to.start("div", "class", "scroll", "role", "region", "tabindex", "0", "aria-label", caption);
    to.start("table").element("caption", caption);
    to.start("thead").start("tr");
    for (String column : columns) {
      boolean number = column.startsWith("#");
      to.element(
          "th",
          number ? column.substring(1) : column,
          "scope",
          "col",
          "class",
          number ? "number" : "text");
    }
    to.end().end().start("tbody");
  }

  /** Starts a row with its header. */
  Table row(String head) {
    return row(head, "plain");
  }

  /** Starts a row with its header. */
  Table row(String head, String kind) {
    endRow();
    to.start("tr", "class", kind).element("th", head, "scope", "row");
    header = true;
    return this;
  }

  private void endRow() {
    if (header) {
      to.end();
    }
  }

  /** Adds a text. */
  Table text(String text) {
    to.element("td", text);
    return this;
  }

  /** Adds a number. */
  Table number(Consumer<HtmlWriter> content) {
    to.start("td", "class", "number");
    content.accept(to);
    to.end();
    return this;
  }

  /** Adds a number in a format. */
  Table number(String format, double value) {
    return number(cell -> Numbers.write(cell, format, value));
  }

  /** Adds a measured number in a unit. */
  Table number(String format, MeasuredValue value, double factor) {
    return number(cell -> Numbers.write(cell, format, value, factor));
  }

  /** Ends the table. */
  void end() {
    endRow();
    to.end().end().end();
  }
}
