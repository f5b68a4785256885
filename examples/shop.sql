-- A shop to try things on: 4,000 customers, 1,500 products, about 60,000 order lines, in two seconds.
--
-- The customers have tastes that the shop does not know: eight hidden groups with favourite
-- categories, brands and a few cult products each, besides personal favourites, bestsellers that
-- everybody buys, and chance. The table hidden_tastes keeps who belongs where, so that what a model
-- finds can be held against what was planted.
--
-- Every draw is a hash of its name: the same rows on every machine and every PostgreSQL version.
-- Read next: examples/tour.sql, which trains a model on it.

CREATE TABLE customers (
    id           bigint PRIMARY KEY,
    name         text NOT NULL,
    country      text NOT NULL,
    signed_up_at timestamptz NOT NULL
);

CREATE TABLE products (
    id       bigint PRIMARY KEY,
    name     text NOT NULL,
    category text NOT NULL,
    brand    text NOT NULL,
    price    numeric(8, 2) NOT NULL
);

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    product_id  bigint NOT NULL REFERENCES products,
    quantity    int NOT NULL,
    ordered_at  timestamptz NOT NULL
);

CREATE TABLE hidden_tastes (
    customer_id bigint PRIMARY KEY REFERENCES customers,
    taste       text NOT NULL
);

-- A number in (0, 1) that is a pure function of its key.
CREATE FUNCTION pg_temp.draw(key text) RETURNS float8 IMMUTABLE LANGUAGE sql
    RETURN (('x' || left(md5(key), 8))::bit(32)::bigint + 0.5) / 4294967296.0;

-- An element of an array, by such a number.
CREATE FUNCTION pg_temp.pick(choices text[], number float8) RETURNS text IMMUTABLE LANGUAGE sql
    RETURN choices[1 + floor(number * cardinality(choices))::int];

-- Products: in each category ten brands make up to thirteen things ----------------------------------

CREATE TEMP TABLE category_plan (position int, category text, popularity float8, price float8, brands text[], things text[]);
INSERT INTO category_plan VALUES
(0, 'Coffee & Tea', 1.3, 14,
    '{Highland,Night Shift,Morning Fog,Old Harbour,Red Kettle,Little Bird,Seven Hills,Slow Drip,Copper Pot,Blue Door}',
    '{Espresso Beans,Filter Roast,Decaf,Cold Brew,Coffee Pods,Earl Grey,Green Tea,Masala Chai,Matcha,Hand Grinder,Pour-over Dripper,Gooseneck Kettle,Paper Filters}'),
(1, 'Kitchen', 1.2, 32,
    '{Oak & Iron,Maison Claire,Hearth,Saltworks,Nordhus,Daily Bread,Tin Lid,Umami,Garrigue,Plain Good}',
    '{Chef''s Knife,Cast-iron Pan,Dutch Oven,Cutting Board,Sourdough Kit,Mixing Bowls,Pepper Mill,Baking Tray,Kitchen Scale,Rolling Pin,Apron,Mandoline,Wok}'),
(2, 'Running', 0.9, 48,
    '{Fleetfoot,Longstride,Tempo,Pacer,Kestrel,Ridgeline,Negative Split,Airborne,Cadence,Second Wind}',
    '{Road Shoes,Trail Shoes,Racing Flats,Split Shorts,Merino Tee,Wind Jacket,Running Socks,Hydration Vest,Head Torch,Energy Gels,GPS Watch,Foam Roller,Recovery Slides}'),
(3, 'Cycling', 0.8, 42,
    '{Sunday Club,Big Ring,Switchback,Velours,Steel Horse,Headwind,Tubular,High Col,Bidon,Chain & Sprocket}',
    '{Bib Shorts,Jersey,Helmet,Bar Tape,Saddle,Floor Pump,Multitool,Bottle Cage,Chain Lube,Clipless Pedals,Front Light,Saddle Bag,28 mm Tyre}'),
(4, 'Camping & Hiking', 0.9, 65,
    '{Timber & Tarn,Base Nine,Larch,Cairn,Fjordland,Granite,Wild Mile,Lantern Hill,Stormcap,Ember}',
    '{Two-person Tent,Sleeping Bag,Down Jacket,Trekking Poles,Camp Stove,Titanium Mug,Rain Shell,Daypack,Sleeping Mat,Water Filter,Map Case,Camp Chair,First-aid Kit}'),
(5, 'Garden', 0.9, 18,
    '{Greenwell,Potting Shed,Thornfield,Meadow,Orchard Lane,Mossy,Bramble,Sunpatch,Allotment,Worm & Root}',
    '{Secateurs,Tomato Seeds,Wildflower Mix,Raised Bed,Compost Bin,Watering Can,Hand Trowel,Garden Gloves,Bird Feeder,Rose Feed,Bulb Planter,Kneeling Mat,Seed Tray}'),
(6, 'Board Games', 0.8, 29,
    '{Iron Owl,Meeple Street,Dragon''s Ledger,Two Foxes,Castle & Crow,Tidewater,Moonbase,Parlour,Big Table,Grand Voyage}',
    '{Strategy Game,Card Game,Co-op Adventure,Expansion,Dice Set,Party Game,Word Game,Wargame,Jigsaw Puzzle,Card Sleeves,Play Mat,Miniatures,Roll-and-Write}'),
(7, 'Books', 1.4, 12,
    '{"The Lighthouse Murders,","Stars Beyond Iron,","The Baker''s Daughter,","Nine Winters,","Maps of Nowhere,","The Quiet Engineer,","Salt and Saffron,","Foxes of Elder Wood,","A History of Small Things,","The Last Cartographer,"}',
    '{vol. 1,vol. 2,vol. 3,vol. 4,vol. 5,vol. 6,vol. 7,vol. 8,vol. 9,vol. 10,vol. 11,vol. 12,vol. 13}'),
(8, 'Photography', 0.7, 58,
    '{Lumen,Darkroom,Silver Grain,Open Shutter,Parallax,Golden Hour,Bokeh,Contact Sheet,Zone Five,Fieldnote}',
    '{35 mm Film,50 mm Lens,Tripod,Camera Strap,Shoulder Bag,Light Meter,ND Filter,Memory Card,Photo Paper,Lens Cloth,Flash,Developer,Photo Album}'),
(9, 'Baby & Kids', 0.9, 24,
    '{Little Acorn,Hush,Pip & Pea,Tumble,Cloudberry,Bunny Lane,Marmalade,First Steps,Sailor,Bluebell}',
    '{Sleep Sack,Muslin Cloths,Wooden Blocks,Night Light,Baby Carrier,Rain Boots,Picture Book,Bath Toys,High Chair,Rattle,Swaddle,Lunch Box,Growth Chart}'),
(10, 'Skin Care', 1.1, 19,
    '{Sea Fennel,Botanist,Clean Slate,Morning Dew,Rosehip & Rye,Milk & Oat,White Clay,Nocturne,Saffron,Plain Jane}',
    '{Cleanser,Day Cream,Night Serum,Sunscreen,Lip Balm,Clay Mask,Toner,Hand Cream,Eye Gel,Bath Salts,Body Oil,Shampoo Bar,Exfoliant}'),
(11, 'Pets', 1.0, 16,
    '{Good Boy,Whisker,Muddy Paws,Biscuit,Tabby,Fetch,Old Tom,Rover,Nine Lives,Burrow}',
    '{Dog Food,Cat Food,Chew Toy,Dog Lead,Cat Litter,Scratching Post,Pet Bed,Treats,Grooming Brush,Food Bowl,Feather Wand,Flea Collar,Travel Crate}');

INSERT INTO products
SELECT position * 125 + number + 1,
       brands[1 + number % 10] || ' ' || things[1 + number / 10],
       category,
       trim(trailing ',' from brands[1 + number % 10]),
       -- around the category's usual price, ending in .90
       greatest(2, round((price * exp(1.4 * (pg_temp.draw('price ' || category || number) - 0.5)))::numeric)) - 0.10
FROM category_plan, generate_series(0, 124) AS number;

-- Tastes: what each hidden group likes --------------------------------------------------------------

CREATE TEMP TABLE taste_plan (number int, taste text, share float8, likes jsonb);
INSERT INTO taste_plan VALUES
(1, 'home baristas',      0.19, '{"Coffee & Tea": 6, "Kitchen": 3, "Books": 1}'),
(2, 'endurance athletes', 0.16, '{"Running": 6, "Cycling": 4, "Skin Care": 0.8}'),
(3, 'weekend hikers',     0.14, '{"Camping & Hiking": 6, "Photography": 2, "Running": 1}'),
(4, 'kitchen gardeners',  0.13, '{"Garden": 6, "Kitchen": 3, "Pets": 1}'),
(5, 'game nights',        0.12, '{"Board Games": 6, "Books": 3, "Coffee & Tea": 1}'),
(6, 'young families',     0.11, '{"Baby & Kids": 6, "Skin Care": 2, "Books": 1}'),
(7, 'film photographers', 0.08, '{"Photography": 6, "Books": 3, "Coffee & Tea": 1.5}'),
(8, 'pet people',         0.07, '{"Pets": 6, "Skin Care": 2.5, "Garden": 1.5}');

-- How often a customer of each taste, or of none (0), reaches for each product. Popularity has a
-- long tail; a taste multiplies it where it likes the category, the brand or the cult product.
CREATE TEMP TABLE wish AS
WITH weighted AS (
    SELECT coalesce(taste.number, 0) AS taste, product.id AS product_id,
           plan.popularity * least(10, pg_temp.draw('popularity ' || product.id) ^ -0.6)
           * CASE WHEN taste.number IS NULL THEN 1 ELSE
                 coalesce((likes ->> product.category)::float8, 0.15)
                 * CASE WHEN pg_temp.draw(concat_ws('/', 'brand', taste, product.brand)) < 0.3 THEN 5 ELSE 1 END
                 * CASE WHEN likes ? product.category
                         AND pg_temp.draw(concat_ws('/', 'cult', taste, product.id)) < 0.03 THEN 8 ELSE 1 END
             END AS weight
    FROM products AS product
    JOIN category_plan AS plan USING (category)
    CROSS JOIN (SELECT number, taste, likes FROM taste_plan UNION ALL SELECT NULL, NULL, NULL) AS taste
)
SELECT taste, product_id,
       sum(weight) OVER (PARTITION BY taste ORDER BY product_id) / sum(weight) OVER (PARTITION BY taste) AS up_to
FROM weighted;
CREATE UNIQUE INDEX ON wish (taste, up_to) INCLUDE (product_id);
ANALYZE wish;

-- The product that a number points at.
CREATE FUNCTION pg_temp.wished(of_taste int, number float8) RETURNS bigint STABLE LANGUAGE sql
    RETURN (SELECT product_id FROM wish WHERE taste = of_taste AND up_to >= number ORDER BY up_to LIMIT 1);

-- Customers -----------------------------------------------------------------------------------------

INSERT INTO customers
SELECT id,
       pg_temp.pick('{Ada,Amir,Anna,Ben,Carla,Chen,Clara,Dara,Diego,Elena,Emil,Fatima,Finn,Grace,Hana,Hugo,Ines,Ivan,Jan,Jonas,Kofi,Lea,Leo,Lina,Lucas,Maja,Marco,Mei,Mila,Nadia,Nina,Noah,Nora,Omar,Oskar,Paul,Priya,Rosa,Sam,Sara,Sofia,Tariq,Theo,Tomas,Vera,Yara,Yuki,Zoe}',
                    pg_temp.draw('first name ' || id))
       || ' ' ||
       pg_temp.pick('{Abbott,Ahmed,Andersen,Bauer,Bianchi,Brandt,Castro,Chan,Costa,Dubois,Eriksen,Fischer,Garcia,Haddad,Hansen,Hughes,Ito,Jansen,Keller,Khan,Kim,Kowalski,Larsen,Laurent,Lindqvist,Lopez,Martin,Mensah,Moreau,Murphy,Nguyen,Novak,Okafor,Patel,Pereira,Quinn,Rahman,Ricci,Rossi,Sato,Schmidt,Silva,Singh,Tan,Torres,Varga,Weber,Wright}',
                    pg_temp.draw('last name ' || id)),
       pg_temp.pick('{Germany,Germany,Germany,France,France,Netherlands,Netherlands,Spain,Italy,Poland,Sweden,Ireland}',
                    pg_temp.draw('country ' || id)),
       timestamptz '2024-01-01 00:00 UTC' + interval '500 days' * pg_temp.draw('signed up ' || id) ^ 1.5
FROM generate_series(1, 4000) AS id;

INSERT INTO hidden_tastes
SELECT customers.id, bracket.taste
FROM customers
JOIN (SELECT taste, sum(share) OVER (ORDER BY number) - share AS low, sum(share) OVER (ORDER BY number) AS high
      FROM taste_plan) AS bracket
    ON pg_temp.draw('taste ' || customers.id) >= low AND pg_temp.draw('taste ' || customers.id) < high;

-- Orders --------------------------------------------------------------------------------------------

-- How many lines each customer bought (two or more, half of them under ten), and two favourite brands.
CREATE TEMP TABLE habit AS
SELECT customers.id AS customer_id, taste_plan.number AS taste, signed_up_at,
       floor(2 + 11 * (-ln(pg_temp.draw('lines ' || customers.id))) ^ 1.3)::int AS lines,
       ARRAY[pg_temp.wished(taste_plan.number, pg_temp.draw('favourite 0 ' || customers.id)),
             pg_temp.wished(taste_plan.number, pg_temp.draw('favourite 1 ' || customers.id))] AS favourites
FROM customers
JOIN hidden_tastes ON customer_id = customers.id
JOIN taste_plan USING (taste);

INSERT INTO orders
SELECT row_number() OVER (ORDER BY ordered_at, customer_id, line), customer_id, product_id, quantity, ordered_at
FROM habit
CROSS JOIN LATERAL generate_series(1, lines) AS line
CROSS JOIN LATERAL (SELECT concat_ws('/', customer_id, line) AS key, concat_ws('/', customer_id, line / 2) AS basket) AS named
CROSS JOIN LATERAL (SELECT pg_temp.draw('why ' || key) AS why, pg_temp.draw('what ' || key) AS what) AS drawn
CROSS JOIN LATERAL (
    SELECT CASE
               -- something else by a favourite brand: products 1 to 120 of a category are 12 things by 10 brands
               WHEN why < 0.25 THEN (SELECT (favourite - 1) / 125 * 125 + (favourite - 1) % 125 % 10 + floor(what * 12)::bigint * 10 + 1
                                     FROM (SELECT favourites[1 + line % 2] AS favourite) AS loved)
               WHEN why < 0.40 THEN pg_temp.wished(0, what)
               ELSE pg_temp.wished(taste, what)
           END AS product_id,
           1 + (pg_temp.draw('quantity ' || key) ^ 6 * 4)::int AS quantity,
           date_trunc('minute', signed_up_at + (timestamptz '2025-07-01 00:00 UTC' - signed_up_at)
                                             * pg_temp.draw('when ' || basket)) AS ordered_at
) AS bought;

CREATE INDEX orders_customer_id ON orders (customer_id);

DROP FUNCTION pg_temp.wished(int, float8);
DROP TABLE category_plan, taste_plan, wish, habit;
DROP FUNCTION pg_temp.pick(text[], float8);
DROP FUNCTION pg_temp.draw(text);
ANALYZE customers, products, orders, hidden_tastes;
