/** A treemap: areas are bytes, colours are origins. */
import { hierarchy, treemap, treemapSquarify } from 'd3-hierarchy';
import { size } from '../summary.ts';
import { element, type Markup, picture, unit } from './markup.ts';
import { type OriginNode, total } from './origins.ts';

/** On a screen, and on a phone: which one is shown is for the style sheet. */
const SHAPES = [
  { of: 'wide', width: 960, height: 480 },
  { of: 'narrow', width: 360, height: 560 },
] as const;
/** Room for the name of a part, and the least area that holds a text. */
const HEADING = 18;
const LEAST_WIDTH = 44;
const LEAST_HEIGHT = 15;
/** About what a letter of the small type takes. */
const LETTER = 6.6;

/** Says nothing in a small place; the title has the whole name. */
const ANONYMOUS = '(anonymous namespace)::';

export function drawTreemap(root: OriginNode): readonly Markup[] {
  return SHAPES.map((shape) => drawnIn(shape, root));
}

function drawnIn(shape: (typeof SHAPES)[number], root: OriginNode): Markup {
  const tree = hierarchy<OriginNode>(root, (node) => node.children)
    .sum((node) => node.size)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0) || (a.data.name < b.data.name ? -1 : 1));
  const laid = treemap<OriginNode>()
    .size([shape.width, shape.height])
    .tile(treemapSquarify)
    .paddingInner(1)
    .paddingOuter((node) => (node.depth === 0 ? 0 : 2))
    .paddingTop((node) => (node.depth === 1 ? HEADING : 0))(tree);
  const parts = laid.descendants().filter((node) => node.depth > 0 && (node.value ?? 0) > 0);
  const cells = parts.map((node) => {
    const width = node.x1 - node.x0;
    const height = node.y1 - node.y0;
    const said = `${node.data.name}: ${size(node.value ?? 0)}`;
    const shape = element(
      'rect',
      {
        class: `${node.data.kind}${node.children === undefined ? '' : ' part'}`,
        x: unit(node.x0),
        y: unit(node.y0),
        width: unit(width),
        height: unit(height),
      },
      element('title', {}, said),
    );
    if (width < LEAST_WIDTH || height < LEAST_HEIGHT) return shape;
    const name = node.data.name.replaceAll(ANONYMOUS, '');
    const text = fitted(node.children === undefined ? name : said, width - 8);
    const place = {
      x: unit(node.x0 + 4),
      y: unit(node.y0 + 12),
      class: node.children === undefined ? 'leaf' : 'heading',
    };
    return element('g', {}, shape, element('text', place, text));
  });
  return picture(shape, `${size(total(root))} by origin`, ...cells);
}

function fitted(text: string, width: number): string {
  const letters = Math.floor(width / LETTER);
  const characters = [...text];
  return characters.length <= letters ? text : `${characters.slice(0, Math.max(letters - 1, 0)).join('')}…`;
}
