package io.calm.testing;

import java.util.List;
import java.util.stream.IntStream;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Elements of an XML document. */
public final class Elements {
  private Elements() {}

  /** Returns the elements with a name, or all for {@code *}. */
  public static List<Element> named(Document document, String name) {
    NodeList nodes = document.getElementsByTagName(name);
    return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i)).toList();
  }
}
