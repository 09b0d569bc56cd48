package io.calm.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.search.QuantPlan;
import io.calm.testing.Elements;
import java.io.StringReader;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/**
 * The page, parsed as XML: what is in it, what is not, and that its numbers are those of the JSON.
 */
class ReportHtmlTest {
  private static final Set<String> ELEMENTS =
      Set.of(
          "html",
          "head",
          "meta",
          "title",
          "style",
          "body",
          "header",
          "main",
          "footer",
          "section",
          "h1",
          "h2",
          "h3",
          "p",
          "dl",
          "dt",
          "dd",
          "div",
          "span",
          "strong",
          "code",
          "pre",
          "ul",
          "li",
          "data",
          "table",
          "caption",
          "thead",
          "tbody",
          "tr",
          "th",
          "td",
          "details",
          "summary",
          "figure",
          "figcaption",
          "svg",
          "desc",
          "g",
          "rect",
          "circle",
          "line",
          "text");

  private static final Set<String> ATTRIBUTES =
      Set.of(
          "lang",
          "charset",
          "http-equiv",
          "content",
          "name",
          "class",
          "id",
          "role",
          "tabindex",
          "aria-label",
          "aria-labelledby",
          "scope",
          "value",
          "viewBox",
          "width",
          "height",
          "x",
          "y",
          "rx",
          "r",
          "cx",
          "cy",
          "x1",
          "x2",
          "y1",
          "y2",
          "text-anchor");

  @TempDir Path cache;

  private Report report(String word) {
    return new ReportBuilder(ExampleReports.source(cache, word)).build(Instant.EPOCH);
  }

  /** Returns the report with a comparison of two rows. */
  private Report compared(String word) {
    Report report = report(word);
    Report.Latency latency =
        new Report.Latency(
            "calm " + word,
            "uniform-awq",
            false,
            "2026-11-28T01:02:03Z",
            new MachineInfo(word, 2, word, word, word, 3L << 30, word),
            2,
            word,
            Optional.of(word),
            0.3,
            List.of(
                new Report.LatencyRow(
                    "decode", 1, 64, 16, 2.125, 3.25, 2.0625, 3.125, 0.375, -0.125, 1.5),
                new Report.LatencyRow(
                    "prefill", 8, 16, 1, 9.5, 9.75, 9.25, 9.875, -0.5, Double.NaN, Double.NaN)));
    return new Report(
        report.model(),
        report.created(),
        report.served(),
        report.texts(),
        report.tasks(),
        report.blocks(),
        report.sensitivity(),
        report.size(),
        report.search(),
        Optional.of(latency),
        report.settings(),
        report.origin(),
        report.missing());
  }

  private static Document parse(String page) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(page)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", ExampleReports.HOSTILE})
  void nothingButTextComesFromFiles(String word) throws Exception {
    ExampleReports.measure(cache, word);
    String html = ReportHtml.write(compared(word));
    Document page = parse(html);
    for (Element element : Elements.named(page, "*")) {
      assertTrue(ELEMENTS.contains(element.getTagName()), element.getTagName());
      for (int i = 0; i < element.getAttributes().getLength(); i++) {
        Node attribute = element.getAttributes().item(i);
        assertTrue(ATTRIBUTES.contains(attribute.getNodeName()), attribute.toString());
      }
    }
    String style = Elements.named(page, "style").get(0).getTextContent();
    assertFalse(style.contains("url(") || style.contains("@import"), "the style loads a file");
    String shown = Elements.named(page, "h1").get(0).getTextContent();
    assertTrue(shown.startsWith("model "), shown);
    assertEquals(word.equals("plain"), shown.equals("model " + word), "control characters escaped");
    assertFalse(html.contains("\u202e") || html.contains("<script") || html.contains("<img"));
  }

  @Test
  void theArtifactAndTheReportEachHaveTheirBuildAndMachine() throws Exception {
    ReportSource old = ExampleReports.source(cache, "plain");
    String of = "Artifact made by ";
    assertTrue(text(old).contains(of + "unknown, by an earlier version of CALM"));
    assertTrue(text(old).contains("Measured on an unknown machine."));
    QuantPlan.MadeBy maker =
        new QuantPlan.MadeBy(
            new BuildInfo("1.2.3", Optional.of("ab".repeat(20))),
            new MachineInfo("a processor", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM"));
    ReportSource source =
        new ReportSource(
            old.model(),
            old.url(),
            old.argument(),
            old.settings(),
            old.key(),
            old.directory(),
            old.sizeInBytes(),
            old.published(),
            old.spec(),
            old.plan().withMadeBy(maker));
    String page = text(source);
    assertTrue(page.contains(of + "CALM 1.2.3, commit abababababab, on a processor, "), page);
    assertTrue(page.contains("Measured on a processor, 2 threads"), page);
    assertTrue(
        page.contains(
            "This report written by CALM %s, commit ".formatted(BuildInfo.current().version())),
        page);
    JsonObject origin =
        JsonParser.parseString(ReportJson.write(new ReportBuilder(source).build(Instant.EPOCH)))
            .getAsJsonObject()
            .getAsJsonObject("origin");
    JsonObject madeBy = origin.getAsJsonObject("made_by");
    assertEquals("ab".repeat(20), madeBy.getAsJsonObject("build").get("commit").getAsString());
    assertEquals("avx2", madeBy.getAsJsonObject("machine").get("kernel").getAsString());
  }

  private static String text(ReportSource source) throws Exception {
    Report report = new ReportBuilder(source).build(Instant.EPOCH);
    return parse(ReportHtml.write(report))
        .getDocumentElement()
        .getTextContent()
        .replaceAll("\\s+", " ");
  }

  @Test
  void thePolicyIsInTheFile() throws Exception {
    Document page = parse(ReportHtml.write(report("plain")));
    List<String> policies =
        Elements.named(page, "meta").stream()
            .filter(meta -> meta.getAttribute("http-equiv").equals("Content-Security-Policy"))
            .map(meta -> meta.getAttribute("content"))
            .toList();
    assertEquals(List.of(ReportHtml.POLICY), policies);
  }

  @Test
  void everyNumberOfThePageIsOneOfTheJson() throws Exception {
    ExampleReports.measure(cache, "plain");
    Report report = compared("plain");
    Set<Double> known = new HashSet<>();
    numbers(JsonParser.parseString(ReportJson.write(report)), known);
    List<Element> shown = Elements.named(parse(ReportHtml.write(report)), "data");
    assertTrue(shown.size() > 50, "only " + shown.size());
    for (Element data : shown) {
      double value = Double.parseDouble(data.getAttribute("value"));
      assertTrue(known.contains(value), data.getTextContent() + " is " + value);
    }
    Set<Double> values = new HashSet<>();
    shown.forEach(data -> values.add(Double.parseDouble(data.getAttribute("value"))));
    for (double must :
        new double[] {
          34.5625,
          2.4375,
          0.0859375,
          0.8515625,
          32.375,
          36.125,
          0.4375,
          0.5625,
          0.08125,
          0.07625,
          0.00125,
          0.03125,
          0.99917,
          0.98765,
          0.001234,
          0.75,
          345.678,
          123_456_789,
          2.125,
          3.125,
          0.375,
          -0.125,
          1.5
        }) {
      assertTrue(values.contains(must), must + " is not shown");
    }
  }

  private static void numbers(JsonElement tree, Set<Double> into) {
    if (tree.isJsonObject()) {
      tree.getAsJsonObject().asMap().values().forEach(value -> numbers(value, into));
    } else if (tree.isJsonArray()) {
      tree.getAsJsonArray().forEach(value -> numbers(value, into));
    } else if (tree.isJsonPrimitive() && tree.getAsJsonPrimitive().isNumber()) {
      into.add(tree.getAsDouble());
    }
  }

  @Test
  void aMeasurementThatIsMissingIsNamedWithItsCommand() throws Exception {
    Report report = report("plain");
    List<String> commands =
        Elements.named(parse(ReportHtml.write(report)), "pre").stream()
            .map(Element::getTextContent)
            .toList();
    assertEquals(
        report.missing().stream().map(Report.Missing::command).toList().size(), commands.size());
    assertTrue(commands.contains("./calm sensitivity models/plain"), commands.toString());
    assertTrue(
        commands.contains("./calm eval models/plain --text FILE --kl --against awq"),
        commands.toString());
    assertTrue(commands.contains("./calm eval models/plain --tasks FILE --against awq"));
    assertTrue(commands.stream().anyMatch(command -> command.endsWith("/latency")));

    ExampleReports.measure(cache, "plain");
    assertEquals(
        List.of("latency"),
        report("plain").missing().stream().map(Report.Missing::section).toList());
  }

  @Test
  void tablesHaveCaptionsAndHeadersAndDrawingsHaveWords() throws Exception {
    ExampleReports.measure(cache, "plain");
    Document page = parse(ReportHtml.write(compared("plain")));
    for (Element table : Elements.named(page, "table")) {
      assertEquals(1, table.getElementsByTagName("caption").getLength());
      int columns =
          ((Element) table.getElementsByTagName("thead").item(0))
              .getElementsByTagName("th")
              .getLength();
      NodeList rows =
          ((Element) table.getElementsByTagName("tbody").item(0)).getElementsByTagName("tr");
      assertTrue(rows.getLength() > 0, "an empty table");
      for (int r = 0; r < rows.getLength(); r++) {
        Element row = (Element) rows.item(r);
        assertEquals(1, row.getElementsByTagName("th").getLength());
        assertEquals(columns, 1 + row.getElementsByTagName("td").getLength(), row.getTextContent());
      }
    }
    List<Element> drawings = Elements.named(page, "svg");
    assertEquals(3, drawings.size(), "intervals, heat map and bars");
    Set<String> ids = new HashSet<>();
    Elements.named(page, "*").stream()
        .map(element -> element.getAttribute("id"))
        .filter(id -> !id.isEmpty())
        .forEach(id -> assertTrue(ids.add(id), "twice: " + id));
    for (Element drawing : drawings) {
      assertEquals("img", drawing.getAttribute("role"));
      for (String id : drawing.getAttribute("aria-labelledby").split(" ", -1)) {
        assertTrue(ids.contains(id), id);
      }
    }
    String heat = drawings.get(1).getElementsByTagName("desc").item(0).getTextContent();
    assertEquals("gptq serves no block; awq serves 2 blocks (0, 1)", heat);
  }
}
