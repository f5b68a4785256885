//! The two data sets, as events, folds and what is known about items.

use super::md5::fold;
use segrec_benches::Result;
use segrec_engine::features::{Cell, Column, ColumnBuilder, ColumnKind, Table, TermCounts};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::read_to_string;
use std::path::Path;

/// Events of users on items, both numbered, and what is known about the items.
pub struct Data {
    pub name: &'static str,
    pub users: Vec<String>,
    pub items: Vec<String>,
    /// Distinct (user, item), ascending.
    pub events: Vec<(u32, u32)>,
    /// Whether an event is withheld from training.
    pub withheld: Vec<bool>,
    /// Whether an event is before [`CUT`]; nothing, if there is no split by time.
    pub before: Option<Vec<bool>>,
    /// The fold of each item.
    pub folds: Vec<u32>,
    /// What is known about each item, with embeddings as the last column.
    pub table: Table,
    /// What is known about each user, and the segments by which popularity is compared; nothing, if nothing is.
    pub people: Option<(Table, Vec<u32>)>,
}

/// The day from which on items of the shop are new.
const CUT: &str = "2011-10-01";

/// Splits a line of CSV; quotes are doubled within quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

/// The words of a text, in lower case.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// A column of lists of terms.
fn terms(name: &str, kind: ColumnKind, rows: &[Vec<String>]) -> Result<Column> {
    let mut builder = ColumnBuilder::new(name, kind);
    for row in rows {
        let codes: Vec<u32> = (0..row.len() as u32).collect();
        builder.push(Cell::Terms(TermCounts::new(&codes, &vec![1; row.len()], row)))?;
    }
    Ok(builder.finish())
}

/// The column of embeddings, of lines `id,value,value…`.
fn embeddings(path: &Path, items: &[String]) -> Result<Column> {
    let text = read_to_string(path)?;
    let mut of_item: HashMap<&str, Vec<f32>> = HashMap::new();
    for line in text.lines() {
        let (id, values) = line.split_once(',').ok_or("a line without values")?;
        of_item.insert(id, values.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?);
    }
    let mut builder = ColumnBuilder::new("embedding", ColumnKind::Vector);
    for item in items {
        builder.push(of_item.get(item.as_str()).map_or(Cell::Null, |vector| Cell::Vector(vector)))?;
    }
    Ok(builder.finish())
}

/// Lines `id,text` after a header.
fn texts(path: &Path) -> Result<HashMap<String, String>> {
    let line = |line: &str| {
        let mut fields = fields(line).into_iter();
        (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
    };
    Ok(read_to_string(path)?.lines().skip(1).map(line).collect())
}

/// Numbers users and items by their ids, and finds the folds, which must be those of the file `id,fold`.
fn numbered(
    name: &'static str,
    pairs: BTreeSet<(String, String)>,
    folds: &Path,
    table: impl FnOnce(&[String]) -> Result<Vec<Column>>,
) -> Result<Data> {
    let distinct = |ids: BTreeSet<&String>| ids.into_iter().cloned().collect::<Vec<_>>();
    let users = distinct(pairs.iter().map(|pair| &pair.0).collect());
    let items = distinct(pairs.iter().map(|pair| &pair.1).collect());
    let place = |ids: &[String], id: &String| ids.binary_search(id).map(|place| place as u32);
    let (mut events, mut withheld) = (Vec::new(), Vec::new());
    for (user, item) in &pairs {
        let numbers = (place(&users, user), place(&items, item));
        let (Ok(user_number), Ok(item_number)) = numbers else { return Err("an id without a number".into()) };
        events.push((user_number, item_number));
        withheld.push(fold(&format!("{user}:{item}")) < 2);
    }
    let of_items: Vec<u32> = items.iter().map(|item| fold(&format!("item:{item}"))).collect();
    for line in read_to_string(folds)?.lines().skip(1) {
        let (item, listed) = line.split_once(',').ok_or("a line without a fold")?;
        if let Ok(place) = items.binary_search_by(|id| id.as_str().cmp(item))
            && of_items[place] != listed.parse::<u32>()?
        {
            return Err(format!("item {item} is in another fold than {}", folds.display()).into());
        }
    }
    let table = Table::new(items.len(), table(&items)?)?;
    Ok(Data { name, users, items, events, withheld, before: None, folds: of_items, table, people: None })
}

/// MovieLens 100k: all ratings as events; genres, the year, the words of the title.
pub fn movies(folder: &Path) -> Result<Data> {
    let mut pairs = BTreeSet::new();
    for line in read_to_string(folder.join("u.data"))?.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        pairs.insert((fields.next().ok_or("no user")?, fields.next().ok_or("no item")?));
    }
    let texts = texts(&folder.join("ml-100k-texts.csv"))?;
    let mut movies = numbered("movies", pairs, &folder.join("ml-100k-item-folds.csv"), |items| {
        let (mut genres, mut titles) = (Vec::new(), Vec::new());
        let mut years = Vec::new();
        for item in items {
            // "Title (1995). Genres: Comedy, Drama"
            let text = texts.get(item).map_or("", String::as_str);
            let (title, listed) = text.split_once("Genres: ").unwrap_or((text, ""));
            genres.push(listed.split(", ").filter(|genre| !genre.is_empty()).map(str::to_owned).collect());
            let (name, year) = title.rsplit_once('(').unwrap_or((title, ""));
            titles.push(words(name));
            years.push(year.get(..4).and_then(|year| year.parse().ok()).unwrap_or(f64::NAN));
        }
        Ok(vec![
            terms("genres", ColumnKind::Categories, &genres)?,
            Column::numbers("year", years),
            terms("title", ColumnKind::Text, &titles)?,
            embeddings(&folder.join("ml-100k-embeddings.csv"), items)?,
        ])
    })?;
    movies.people = Some(people(&folder.join("u.user"), &movies.users)?);
    Ok(movies)
}

/// Age, gender and occupation of users, of lines `id|age|gender|occupation|zip`, and segments by gender and age.
fn people(path: &Path, users: &[String]) -> Result<(Table, Vec<u32>)> {
    let text = read_to_string(path)?;
    let of_user: HashMap<&str, Vec<&str>> =
        text.lines().filter_map(|line| Some((line.split('|').next()?, line.split('|').collect()))).collect();
    let field = |user: &String, place: usize| {
        of_user.get(user.as_str()).and_then(|fields| fields.get(place).copied()).unwrap_or_default()
    };
    let ages: Vec<f64> = users.iter().map(|user| field(user, 1).parse().unwrap_or(f64::NAN)).collect();
    let segment = |(user, age): (&String, &f64)| {
        let part = [20.0, 25.0, 30.0, 40.0, 50.0].iter().filter(|&edge| age >= edge).count();
        (2 * part + usize::from(field(user, 2) == "F")) as u32
    };
    let segments = users.iter().zip(&ages).map(segment).collect();
    let mut columns = vec![Column::numbers("age", ages)];
    for (place, name) in [(2, "gender"), (3, "occupation")] {
        let mut builder = ColumnBuilder::new(name, ColumnKind::Category);
        for user in users {
            builder.push(Cell::Text(field(user, place)))?;
        }
        columns.push(builder.finish());
    }
    Ok((Table::new(users.len(), columns)?, segments))
}

/// Online Retail: purchases of customers, of articles with a code of five digits; the description, the median price.
pub fn shop(folder: &Path) -> Result<Data> {
    let mut pairs = BTreeSet::new();
    let mut early = BTreeSet::new();
    let mut prices: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in read_to_string(folder.join("transactions.csv"))?.lines().skip(1) {
        let fields = fields(line);
        let [_, code, _, quantity, moment, price, customer, _] = fields.as_slice() else {
            return Err(format!("{line:?}").into());
        };
        let (quantity, price): (f64, f64) = (quantity.parse()?, price.parse()?);
        let is_article = code.len() >= 5 && code.bytes().take(5).all(|byte| byte.is_ascii_digit());
        if !customer.is_empty() && quantity > 0.0 && price > 0.0 && is_article {
            pairs.insert((customer.clone(), code.clone()));
            if moment.as_str() < CUT {
                early.insert((customer.clone(), code.clone()));
            }
            prices.entry(code.clone()).or_default().push(price);
        }
    }
    let texts = texts(&folder.join("online-retail-texts.csv"))?;
    let mut shop = numbered("shop", pairs, &folder.join("online-retail-item-folds.csv"), |items| {
        let described: Vec<_> =
            items.iter().map(|item| words(texts.get(item).map_or("", String::as_str))).collect();
        let mut median = |item: &String| {
            let prices = prices.entry(item.clone()).or_default();
            prices.sort_unstable_by(f64::total_cmp);
            prices.get(prices.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Ok(vec![
            terms("description", ColumnKind::Text, &described)?,
            Column::numbers("price", items.iter().map(&mut median).collect()),
            embeddings(&folder.join("online-retail-embeddings.csv"), items)?,
        ])
    })?;
    let ids =
        |&(user, item): &(u32, u32)| (shop.users[user as usize].clone(), shop.items[item as usize].clone());
    shop.before = Some(shop.events.iter().map(|event| early.contains(&ids(event))).collect());
    Ok(shop)
}
