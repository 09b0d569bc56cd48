package io.calm.report;

/**
 * The frame of a drawing in a report: a figure that scrolls sideways, and an SVG with a title and a
 * description for screen readers.
 */
final class Drawing {
  private final HtmlWriter to;

  private Drawing(HtmlWriter to) {
    this.to = to;
  }

  /**
   * Starts a drawing. What is drawn next is inside.
   *
   * @param id prefix of the ids of title and description, unique in the report
   * @param label title
   * @param description what the drawing shows, in words
   */
  static Drawing start(
      HtmlWriter to, String id, String label, String description, int width, int height) {
    String title = id + "-title";
    String words = id + "-desc";
    to.start("figure");
    to.start("div", "class", "scroll", "role", "region", "tabindex", "0", "aria-label", label);
    to.start(
        "svg",
        "role",
        "img",
        "aria-labelledby",
        title + " " + words,
        "viewBox",
        "0 0 %d %d".formatted(width, height),
        "width",
        width,
        "height",
        height);
    to.element("title", label, "id", title);
    to.element("desc", description, "id", words);
    return new Drawing(to);
  }

  /** Ends the drawing without a caption. */
  void end() {
    to.end().end().end();
  }

  /** Ends the drawing with a caption below it. */
  void end(String caption) {
    to.end().end().element("figcaption", caption).end();
  }
}
