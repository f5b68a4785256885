// Recommendations with node-postgres: what to show a customer, before and after an order.
//
//     npm ci --prefix examples/drivers && node examples/drivers/with_node_postgres.js 42
//
// Reads the shop of examples/shop.sql and the model "shop". The connection is that of libpq's environment variables.
'use strict';

const { Client } = require('pg');

// node-postgres sends parameters without types, so the casts say which segrec_recommend is called; it returns bigint as
// text, because a number of JavaScript does not hold all of them.
const RECOMMENDED = {
    name: 'recommended', // prepared once per connection
    text: `SELECT rank, item_id, name
           FROM segrec_recommend($1::bigint, n => $2, model => 'shop', exclude => $3::bigint[])
           JOIN products ON id = item_id
           ORDER BY rank`,
};

/** The list of a customer without what is in the basket: rows of a rank, the id of a product and its name. */
async function recommended(client, customer, basket = [], n = 3) {
    const { rows } = await client.query({ ...RECOMMENDED, values: [customer, n, basket] });
    return rows;
}

async function main(customer) {
    const client = new Client();
    await client.connect();
    try {
        await client.query('BEGIN');
        const rows = await recommended(client, customer);
        // An order counts at once, even before it is committed.
        await client.query('INSERT INTO orders SELECT max(id) + 1, $1, $2, 1, now() FROM orders', [
            customer,
            rows[0].item_id,
        ]);
        const after = await recommended(client, customer, [rows[1].item_id]);
        await client.query('ROLLBACK');
        for (const [heading, shown] of [['recommended', rows], ['after an order and with a basket', after]]) {
            console.log(heading);
            for (const row of shown) console.log([row.rank, row.item_id, row.name].join('\t'));
        }
    } finally {
        await client.end();
    }
}

main(process.argv[2]).catch((error) => {
    console.error(error.message, error.hint ?? '');
    process.exitCode = 1;
});
