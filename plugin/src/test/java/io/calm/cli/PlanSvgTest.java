package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Elements;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Tests that the drawing is well-formed XML and shows what is served. */
class PlanSvgTest {

  private static Document parse(String svg) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
  }

  /** Returns the filled cells, as "column row" counted from 0, in the order of the drawing. */
  private static List<String> filled(Document document) {
    List<Element> cells =
        Elements.named(document, "rect").stream()
            .filter(cell -> !cell.getAttribute("class").equals("panel"))
            .toList();
    List<String> columns = cells.stream().map(cell -> cell.getAttribute("x")).distinct().toList();
    List<String> rows = cells.stream().map(cell -> cell.getAttribute("y")).distinct().toList();
    return cells.stream()
        .filter(cell -> !cell.getAttribute("class").equals("other"))
        .map(
            cell ->
                columns.indexOf(cell.getAttribute("x"))
                    + " "
                    + rows.indexOf(cell.getAttribute("y")))
        .toList();
  }

  private static List<String> names(Document document, String kind) {
    return Elements.named(document, "text").stream()
        .filter(text -> text.getAttribute("class").equals(kind))
        .map(Element::getTextContent)
        .toList();
  }

  @Test
  void theAlgorithmsOfPartsShareTheCellsOfTheirBlock() throws Exception {
    Document svg = parse(PlanSvg.draw(PlanTableTest.byParts(), "tiny"));
    assertEquals(List.of("awq", "gptq"), names(svg, "name"), "most blocks first");
    assertEquals(List.of("1.25 blocks", "0.75 blocks"), names(svg, "count"));
    assertEquals(
        "awq: 1.25 blocks (0 qkv, 1); gptq: 0.75 blocks (0 o and gate+up and down)",
        Elements.named(svg, "desc").get(0).getTextContent());
    List<String> cells =
        Elements.named(svg, "rect").stream()
            .filter(cell -> cell.getAttribute("class").startsWith("a"))
            .map(cell -> cell.getAttribute("class") + " " + cell.getAttribute("width"))
            .toList();
    assertEquals(List.of("a0 4", "a0 18", "a1 5", "a1 4", "a1 5"), cells);
  }

  @Test
  void aMixHasOneFilledCellPerBlock() throws Exception {
    Document svg = parse(PlanSvg.draw(PlanTableTest.plan("calm", true), "tiny"));
    assertEquals(List.of("gptq", "awq"), names(svg, "name"), "the order of the pool");
    assertEquals(List.of("1 0", "0 1"), filled(svg), "gptq in block 1, awq in block 0");
    assertEquals(List.of("1 block", "1 block"), names(svg, "count"));
    assertEquals(
        "gptq: 1 block (1); awq: 1 block (0)", Elements.named(svg, "desc").get(0).getTextContent());
  }

  @Test
  void aRejectedMixShowsTheServedAlgorithm() throws Exception {
    Document svg = parse(PlanSvg.draw(PlanTableTest.plan("uniform-gptq", false), "tiny"));
    assertEquals(List.of("0 0", "1 0"), filled(svg));
    assertEquals(List.of("2 blocks", "0 blocks"), names(svg, "count"));
    assertEquals("gptq: 2 blocks (0, 1)", Elements.named(svg, "desc").get(0).getTextContent());
  }

  @Test
  void otherCandidatesShowTheirLossAboveTheServedOne() throws Exception {
    Document svg = parse(PlanSvg.draw(PlanTableTest.plan("calm", true, 0.999, 0.998), "tiny"));
    assertEquals(List.of("-50", "100"), names(svg, "excess"), "gptq in block 0, awq in block 1");
    assertEquals(
        List.of("0.12", "0.60"),
        Elements.named(svg, "rect").stream()
            .filter(cell -> cell.getAttribute("class").equals("other"))
            .map(cell -> cell.getAttribute("fill-opacity"))
            .toList(),
        "the larger loss is stronger");
    Document steep = parse(PlanSvg.draw(PlanTableTest.plan("calm", true, 0.999, 0.98), "tiny"));
    assertEquals(List.of("-95", "2k"), names(steep, "excess"), "a cell has room for three digits");
    assertTrue(names(svg, "axis").get(1).startsWith("number: loss by cka above"));
  }

  @Test
  void readersWithoutSightGetTitleAndDescription() throws Exception {
    Document svg = parse(PlanSvg.draw(PlanTableTest.plan("calm", true), "a <b> & c"));
    Element root = svg.getDocumentElement();
    assertEquals("img", root.getAttribute("role"));
    assertEquals("title desc", root.getAttribute("aria-labelledby"));
    assertEquals("title", Elements.named(svg, "title").get(0).getAttribute("id"));
    assertTrue(
        Elements.named(svg, "title").get(0).getTextContent().startsWith("a <b> & c: "),
        "names are escaped");
    assertTrue(Elements.named(svg, "style").get(0).getTextContent().contains("color-scheme: dark"));
  }
}
